import { z } from 'zod';
import { endpoint, limits, machineUsage, signedReceipt, uuid } from '#protocol';
import { FrameType } from './frame.js';
import type { Frame } from './frame.js';
import { remainingMsMax } from './job-limits.js';
import { isPlainHeader } from './plain-control.js';
import { protocolError } from './version.js';

/** JSON of the control frames. Members are only ever added; unknown ones are ignored. */
export const openHeader = z.object({
  record: uuid,
  offer: uuid,
  model: z.string().min(1).max(200),
  endpoint,
  /** Length of the request body in bytes; the body follows in `data` frames. */
  bodyBytes: z.int().nonnegative().max(limits.jobBodyBytesMax),
  /** How long the gateway will wait from now on: clocks need not agree. */
  remainingMs: z.int().positive().max(remainingMsMax),
  traceparent: z.string().max(128).optional(),
  /** Keeps the organisation's part of an engine's prefix cache to itself. */
  cacheSalt: z.string().max(128).optional(),
  /** The most that the job can bring at this offer's price, in nano-units of the price's currency: it is reserved. A node that buys what it sells pays no more. */
  worthNanos: z.string().regex(/^\d{1,19}$/).optional(),
  /** The gateway reads joined frames. */
  joins: z.boolean().optional(),
});
export type OpenHeader = z.output<typeof openHeader>;

/** `joins`: the node reads joined frames. */
const acceptHeader = z.object({ joins: z.boolean().optional() });

const refuseHeader = z.object({ code: z.enum(['BUSY', 'DRAINING', 'UNKNOWN_OFFER', 'INVALID']), message: z.string().max(500) });
export type Refusal = z.output<typeof refuseHeader>;

/** `retryAfterMs`: beside a refusal, when the engine wants to be asked again. */
const headHeader = z.object({ status: z.int().min(200).max(599), contentType: z.string().max(200), retryAfterMs: z.number().nonnegative().optional() });
export type Head = z.output<typeof headHeader>;

/** `receipt` is null when the engine refused the request: no work was done that could be charged. */
const endHeader = z.object({
  usage: machineUsage,
  receipt: signedReceipt.nullable(),
  /** The node counted the usage: its engine says none. */
  estimated: z.boolean().optional(),
  /** Why the answer is not whole; the receipt is over what was sent until then. */
  cut: z.enum(['CANCELLED', 'DEADLINE_EXCEEDED', 'ENGINE_FAILED']).optional(),
});
export type End = z.output<typeof endHeader>;
export type Cut = NonNullable<End['cut']>;

const errorHeader = z.object({ code: z.enum(['ENGINE_FAILED', 'DEADLINE_EXCEEDED', 'PROTOCOL', 'CANCELLED']), message: z.string().max(500) });
export type JobError = z.output<typeof errorHeader>;

const creditHeader = z.object({ chunks: z.int().positive().max(limits.creditWindow) });
/** `left`: the client went away, and what was made until now is paid. */
const cancelHeader = z.object({ left: z.boolean().optional() });
const empty = z.object({});

const shapes = {
  [FrameType.open]: openHeader,
  [FrameType.accept]: acceptHeader,
  [FrameType.refuse]: refuseHeader,
  [FrameType.head]: headHeader,
  [FrameType.end]: endHeader,
  [FrameType.cancel]: cancelHeader,
  [FrameType.credit]: creditHeader,
  [FrameType.pulse]: empty,
  [FrameType.error]: errorHeader,
  [FrameType.link]: empty,
} as const;
export type ControlType = keyof typeof shapes;
export type ControlOf<T extends ControlType> = z.output<(typeof shapes)[T]>;

export function controlFrame<T extends ControlType>(type: T, job: number, header: ControlOf<T>): Frame {
  return { type, job, payload: Buffer.from(JSON.stringify(header)) };
}

export function dataFrame(job: number, payload: Buffer): Frame {
  return { type: FrameType.data, job, payload };
}

/** The header of a control frame. Error: NODE_PROTOCOL. */
export function readControl<T extends ControlType>(type: T, frame: Frame): ControlOf<T> {
  try {
    const header: unknown = JSON.parse(frame.payload.toString('utf8'));
    return (isPlainHeader(type, header) ? header : shapes[type].parse(header)) as ControlOf<T>;
  } catch (error) {
    throw protocolError(`the header of a frame of type ${type} is malformed`, {}, error);
  }
}
