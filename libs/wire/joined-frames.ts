import { decodeFrame, encodeFrame, FrameType } from './frame.js';
import type { Frame } from './frame.js';
import { protocolError } from './version.js';

/** Sealing, the bus and opening cost a message the same whatever it holds; beyond this the bytes themselves do, and a piece that waits for its reader keeps its whole message. */
const joinedBytesMax = 32 * 1024;
/** length (4 B, big endian) ‖ frame. */
const lengthBytes = 4;

/** Several frames as one, in their order. */
export function joinFrames(frames: readonly Frame[]): Frame {
  const parts = frames.flatMap((frame) => {
    const bytes = encodeFrame(frame);
    const length = Buffer.allocUnsafe(lengthBytes);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  return { type: FrameType.joined, job: 0, payload: Buffer.concat(parts) };
}

/** The frames of one message. Error: NODE_PROTOCOL, before any of them is taken. */
export function framesOf(bytes: Buffer): Frame[] {
  const frame = decodeFrame(bytes);
  if (frame.type !== FrameType.joined) return [frame];
  const { payload } = frame;
  const frames: Frame[] = [];
  for (let at = 0; at < payload.length; ) {
    const end = at + lengthBytes <= payload.length ? at + lengthBytes + payload.readUInt32BE(at) : Infinity;
    if (end > payload.length) throw protocolError('a frame within a message is longer than the message');
    const one = decodeFrame(payload.subarray(at + lengthBytes, end));
    if (one.type === FrameType.joined) throw protocolError('joined frames within joined frames');
    frames.push(one);
    at = end;
  }
  return frames;
}

/**
 * Frames on their way out. Those of one turn of the event loop leave together, as soon as the peer is known to read them so: the parts of a small
 * job, and the tokens that many streams have at the same time.
 */
export class FrameQueue {
  private waiting: Frame[] = [];
  private bytes = 0;
  private turn: NodeJS.Immediate | undefined;
  /** Whether the peer has said that it reads joined frames. */
  joins = false;

  /** `leave` is given what one message takes; `frames` are those that it was made of. */
  constructor(private readonly leave: (message: Frame, frames: readonly Frame[]) => void) {}

  send(frame: Frame): void {
    if (!this.joins) return this.leave(frame, [frame]);
    const bytes = frame.payload.length;
    if (this.bytes + bytes > joinedBytesMax) this.flush();
    if (bytes > joinedBytesMax) return this.leave(frame, [frame]);
    this.waiting.push(frame);
    this.bytes += bytes;
    this.turn ??= setImmediate(() => this.flush());
  }

  /** What waits leaves now. */
  flush(): void {
    if (this.turn !== undefined) clearImmediate(this.turn);
    this.turn = undefined;
    const frames = this.waiting;
    if (frames.length === 0) return;
    this.waiting = [];
    this.bytes = 0;
    this.leave(frames.length === 1 ? frames[0]! : joinFrames(frames), frames);
  }
}
