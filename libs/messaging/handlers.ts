import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import type { z } from 'zod';
import type { Call, Event, StreamName } from '#protocol';

/** What a handler's registration tells the transport. */
export type HandlerSpec =
  | { kind: 'call'; call: Call }
  | { kind: 'event'; event: Event; durable: string }
  | ({ kind: 'batch' } & BatchOptions);

export interface BatchOptions {
  readonly stream: StreamName;
  readonly durable: string;
  readonly filter?: string;
  readonly schema: z.ZodType;
  /** Takes what is written in the usual way, for less than the schema does; `undefined` leaves it to the schema. */
  readonly plain?: (json: unknown) => unknown;
  /** Makes a value of what is not understood, so that the handler keeps it; without this such a message is terminated. */
  readonly unreadable?: (data: Uint8Array, reason: string) => unknown;
  readonly max: number;
  readonly waitMs: number;
}

/** One durable message as a handler sees it. */
export interface Delivered<T> {
  readonly value: T;
  /** The producer's message id; deduplicate effects by it. Empty where a message without one is not terminated. */
  readonly id: string;
  readonly subject: string;
  readonly sequence: number;
}

export interface EventMeta {
  readonly id: string;
  readonly subject: string;
}

/** Nest hands over the second argument only where it is declared: data first, then the message's id and subject. */
const withMeta =
  (register: MethodDecorator): MethodDecorator =>
  (target, key, descriptor) => {
    Payload()(target, key, 0);
    Ctx()(target, key, 1);
    return register(target, key, descriptor);
  };

const extras = (spec: HandlerSpec): Record<string, unknown> => ({ spec });

/** Answers a call: `(request) => Promise<reply>`. */
export const Serve = (call: Call): MethodDecorator => MessagePattern(call.subject, extras({ kind: 'call', call }));

/** Consumes an event durably: `(payload, meta) => Promise<void>`. Acknowledged when it resolves, redelivered when it throws. */
export const ConsumeEvent = (event: Event, options: { durable: string }): MethodDecorator =>
  withMeta(EventPattern<string>(`${options.durable} ${event.subject}`, extras({ kind: 'event', event, durable: options.durable })));

/** Consumes a stream in batches: `(batch: Delivered<T>[]) => Promise<void>`. All acknowledged when it resolves. */
export const ConsumeBatch = (options: BatchOptions): MethodDecorator =>
  EventPattern<string>(`${options.durable} ${options.stream}`, extras({ kind: 'batch', ...options }));
