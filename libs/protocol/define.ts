import type { z } from 'zod';
import { namedRpcSubject, rpcSubject } from './subjects.js';
import type { BucketName, ServiceName } from './subjects.js';

/** A question that one service answers at once. */
export interface Call<Request extends z.ZodType = z.ZodType, Reply extends z.ZodType = z.ZodType> {
  readonly service: ServiceName;
  readonly subject: string;
  readonly request: Request;
  readonly reply: Reply;
  /** How long the caller waits, in milliseconds. */
  readonly timeoutMs: number;
}

/** A fact that must not be lost. Schemas only ever grow. */
export interface Event<Payload extends z.ZodType = z.ZodType> {
  readonly producer: ServiceName;
  readonly subject: string;
  readonly payload: Payload;
}

/** State that a service publishes for others to hold a copy of. */
export interface Replica<Value extends z.ZodType = z.ZodType> {
  readonly bucket: BucketName;
  readonly value: Value;
}

export type RequestOf<C extends Call> = z.output<C['request']>;
/** What a caller may write: defaults may be left out. */
export type RequestInput<C extends Call> = CodecInput<C['request']>;
export type ReplyOf<C extends Call> = z.output<C['reply']>;
export type PayloadOf<E extends Event> = z.output<E['payload']>;
export type ValueOf<R extends Replica> = z.output<R['value']>;
type CodecInput<S extends z.ZodType> = z.output<S>;

export function defineCall<Request extends z.ZodType, Reply extends z.ZodType>(
  service: ServiceName,
  name: string,
  shapes: { request: Request; reply: Reply; timeoutMs?: number },
): Call<Request, Reply> {
  return { service, subject: rpcSubject(service, name), request: shapes.request, reply: shapes.reply, timeoutMs: shapes.timeoutMs ?? 5_000 };
}

/** The same for callers that the permissions name one by one. */
export function defineNamedCall<Request extends z.ZodType, Reply extends z.ZodType>(
  service: ServiceName,
  name: string,
  shapes: { request: Request; reply: Reply; timeoutMs?: number },
): Call<Request, Reply> {
  return { ...defineCall(service, name, shapes), subject: namedRpcSubject(service, name) };
}

export function defineEvent<Payload extends z.ZodType>(producer: ServiceName, name: string, payload: Payload): Event<Payload> {
  return { producer, subject: `mizan.event.${producer}.${name}`, payload };
}

export function defineReplica<Value extends z.ZodType>(bucket: BucketName, value: Value): Replica<Value> {
  return { bucket, value };
}
