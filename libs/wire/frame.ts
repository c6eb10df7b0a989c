import { limits } from '#protocol';
import { protocolError, versionRefusal, wireVersion } from './version.js';

/** What a frame means. Control frames carry JSON, `data` carries raw bytes. */
export const FrameType = {
  /** Gateway → node: a job and the length of its body. */
  open: 1,
  /** Node → gateway: the job is taken. */
  accept: 2,
  /** Node → gateway: the job is not taken. */
  refuse: 3,
  /** Node → gateway: status and content type of the answer. */
  head: 4,
  /** A piece of the body, at most `limits.chunkBytes`. */
  data: 5,
  /** Node → gateway: the answer is whole; usage and receipt. */
  end: 6,
  /** Gateway → node: the answer is no longer wanted. */
  cancel: 7,
  /** The receiver has consumed chunks: as many more may be sent. */
  credit: 8,
  /** Node → gateway: the job is alive. */
  pulse: 9,
  /** Node → gateway: the job failed. */
  error: 10,
  /** Gateway → node, first of all: the session has a link of its own, and this came over it. */
  link: 11,
  /** Either way, to a peer that reads them: several frames as one. */
  joined: 12,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

const known = new Set<number>(Object.values(FrameType));

/** One message about one job of a session. */
export interface Frame {
  readonly type: FrameType;
  /** Counts the jobs of a session, from 1. */
  readonly job: number;
  readonly payload: Buffer;
}

/** version (1 B) ‖ type (1 B) ‖ job (4 B, big endian). */
const headerBytes = 6;
export const jobMax = 0xffff_ffff;

export function encodeFrame(frame: Frame): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes + frame.payload.length);
  bytes[0] = wireVersion;
  bytes[1] = frame.type;
  bytes.writeUInt32BE(frame.job, 2);
  frame.payload.copy(bytes, headerBytes);
  return bytes;
}

/** Errors: NODE_PROTOCOL (short, unknown version, unknown type, a chunk over the limit). */
export function decodeFrame(bytes: Buffer): Frame {
  if (bytes.length < headerBytes) throw protocolError(`a frame of ${bytes.length} bytes is too short`);
  if (bytes[0] !== wireVersion) throw protocolError(versionRefusal(bytes[0]).message);
  const type = bytes[1]!;
  if (!known.has(type)) throw protocolError(`unknown frame type ${type}`);
  const payload = bytes.subarray(headerBytes);
  if (payload.length > limits.chunkBytes) throw protocolError(`a frame carries ${payload.length} bytes, over ${limits.chunkBytes}`);
  return { type: type as FrameType, job: bytes.readUInt32BE(2), payload };
}
