import { Logger } from '@nestjs/common';
import { Server } from '@nestjs/microservices';
import type { CustomTransportStrategy, MessageHandler } from '@nestjs/microservices';
import { SpanKind } from '@opentelemetry/api';
import { headers } from '@nats-io/transport-node';
import type { Msg } from '@nats-io/transport-node';
import type { JsMsg } from '@nats-io/jetstream';
import { lastValueFrom } from 'rxjs';
import { z } from 'zod';
import { DomainError } from '#kernel';
import { failure } from '#protocol';
import type { Call, StreamName } from '#protocol';
import { BatchLoop } from './batch-loop.js';
import { Bus } from './bus.js';
import type { Delivered, EventMeta, HandlerSpec } from './handlers.js';
import { encodeError, errorHeader, errorTextHeader } from './reply.js';
import { extractTrace, inSpan } from './trace-carrier.js';

/**
 * Nest's door to NATS: calls in queue groups with typed errors, events and record batches from durable JetStream consumers.
 * Handlers keep Nest's guards, pipes, interceptors and filters.
 */
export class MizanTransport extends Server implements CustomTransportStrategy {
  private readonly log = new Logger(MizanTransport.name);
  private readonly loops: BatchLoop[] = [];

  constructor(private readonly bus: Bus) {
    super();
  }

  listen(callback: () => void): void {
    for (const [pattern, handler] of this.messageHandlers) {
      const spec = (handler.extras as { spec?: HandlerSpec } | undefined)?.spec;
      if (!spec) throw new Error(`${pattern}: handlers are declared with @Serve, @ConsumeEvent or @ConsumeBatch`);
      if (spec.kind === 'call') this.serve(spec.call, handler);
      else if (spec.kind === 'event') {
        const stream: StreamName = 'EVENTS';
        this.startLoop({ stream, durable: spec.durable, filter: spec.event.subject, max: 64, atOnce: 1, waitMs: 0, schema: spec.event.payload }, async (batch) => {
          for (const { value, id, subject } of batch) await this.invoke(handler, value, { id, subject } satisfies EventMeta);
        });
      } else this.startLoop({ ...spec, atOnce: spec.max }, (batch) => this.invoke(handler, batch, {}));
    }
    // Whoever calls as soon as the service has started is answered: the server knows of every subscription by then. One that is away is told when it is back.
    void (this.bus.isConnected ? this.bus.connection.flush() : Promise.resolve()).catch(() => undefined).then(callback);
  }

  async close(): Promise<void> {
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }

  override on(): never {
    throw new Error('the transport emits no events of its own');
  }

  override unwrap<T>(): T {
    return this.bus.connection as T;
  }

  private async invoke(handler: MessageHandler, data: unknown, context: object): Promise<unknown> {
    return lastValueFrom(this.transformToObservable(await handler(data, context)), { defaultValue: undefined });
  }

  private serve(call: Call, handler: MessageHandler): void {
    this.bus.connection.subscribe(call.subject, {
      queue: call.service,
      callback: (error, message) => {
        if (error) this.log.error(`${call.subject}: ${error.message}`);
        else void this.answer(call, handler, message);
      },
    });
  }

  private async answer(call: Call, handler: MessageHandler, message: Msg): Promise<void> {
    try {
      const reply = await inSpan(`serve ${call.subject}`, extractTrace(message.headers), SpanKind.SERVER, async () => {
        const request = parseRequest(call, message);
        return JSON.stringify(z.encode(call.reply, await this.invoke(handler, request, {})));
      });
      message.respond(reply);
    } catch (error) {
      if (!(error instanceof DomainError)) this.log.error(`${call.subject}: ${error instanceof Error ? error.stack : String(error)}`);
      const { code, body } = encodeError(error);
      const carried = headers();
      carried.set(errorHeader, code);
      carried.set(errorTextHeader, code);
      message.respond(body, { headers: carried });
    }
  }

  private startLoop<T>(
    spec: Parsing<T> & { stream: StreamName; filter?: string; max: number; atOnce: number; waitMs: number },
    handle: (batch: Delivered<T>[]) => Promise<unknown>,
  ): void {
    const loop = new BatchLoop(this.bus, {
      ...spec,
      handle: async (messages) => {
        const batch = messages.flatMap((message) => this.parseDelivered(spec, message));
        if (batch.length === 0) return;
        const parent = extractTrace(messages[0]!.headers);
        await inSpan(`consume ${spec.stream}`, parent, SpanKind.CONSUMER, async () => void (await handle(batch)));
      },
    });
    this.loops.push(loop);
    loop.start();
  }

  /** A message that does not parse, or carries no id, can never succeed: it is terminated and named in the log, unless its handler keeps such ones. */
  private parseDelivered<T>(spec: Parsing<T>, message: JsMsg): Delivered<T>[] {
    const id = message.headers?.get('Nats-Msg-Id') ?? '';
    const { subject, seq: sequence } = message;
    try {
      if (id === '' && !spec.unreadable) throw new Error('it has no Nats-Msg-Id');
      const json: unknown = JSON.parse(message.string());
      const value = (spec.plain?.(json) as T | undefined) ?? z.decode(spec.schema, json);
      return [{ value, id, subject, sequence }];
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (spec.unreadable) {
        this.log.error(`${spec.durable}: message ${sequence} on ${subject} is not understood in whole: ${reason}`);
        return [{ value: spec.unreadable(message.data, reason) as T, id, subject, sequence }];
      }
      this.log.error(`${spec.durable}: terminated message ${sequence} on ${subject}: ${reason}`);
      message.term();
      return [];
    }
  }
}

/** How a consumer reads its messages. */
interface Parsing<T> {
  durable: string;
  schema: z.ZodType<T>;
  plain?: (json: unknown) => unknown;
  unreadable?: (data: Uint8Array, reason: string) => unknown;
}

function parseRequest(call: Call, message: Msg): unknown {
  try {
    return z.decode(call.request, JSON.parse(message.string()) as never);
  } catch (error) {
    throw failure('REQUEST_INVALID', `${call.subject}: ${error instanceof z.ZodError ? z.prettifyError(error) : 'not JSON'}`);
  }
}
