import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { encodeFrame, FrameType } from './frame.js';
import type { Frame } from './frame.js';
import { FrameQueue, framesOf, joinFrames } from './joined-frames.js';

const single = fc.record({
  type: fc.constantFrom(...Object.values(FrameType).filter((type) => type !== FrameType.joined)),
  job: fc.nat(),
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});
const frame = (job: number, bytes = 0): Frame => ({ type: FrameType.data, job, payload: Buffer.alloc(bytes) });
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function queueOf(joins: boolean): { queue: FrameQueue; messages: number[][] } {
  const messages: number[][] = [];
  const queue = new FrameQueue((message, frames) => {
    expect(framesOf(encodeFrame(message))).toEqual(frames);
    messages.push(frames.map(({ job }) => job));
  });
  queue.joins = joins;
  return { queue, messages };
}

describe('joined frames', () => {
  it('come apart as they were put together, in their order', () => {
    fc.assert(fc.property(fc.array(single, { maxLength: 20 }), (frames) => expect(framesOf(encodeFrame(joinFrames(frames)))).toEqual(frames)));
  });

  it('are refused as NODE_PROTOCOL when they were cut or changed, or are what was sent', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (payload) => {
        try {
          const frames = framesOf(encodeFrame({ type: FrameType.joined, job: 0, payload: Buffer.from(payload) }));
          expect(joinFrames(frames).payload).toEqual(Buffer.from(payload));
        } catch (error) {
          expect(error).toMatchObject({ code: 'NODE_PROTOCOL' });
        }
      }),
    );
    expect(() => framesOf(encodeFrame(joinFrames([joinFrames([])])))).toThrow('joined frames within joined frames');
  });
});

describe('frames on their way out', () => {
  it('leave one by one while the peer is not known to read joined ones', () => {
    const { queue, messages } = queueOf(false);
    for (const job of [1, 2]) queue.send(frame(job));
    expect(messages).toEqual([[1], [2]]);
  });

  it('of one turn leave together at its end, or when that is asked for', async () => {
    const { queue, messages } = queueOf(true);
    for (const job of [1, 2, 3]) queue.send(frame(job));
    expect(messages).toEqual([]);
    await nextTurn();
    expect(messages).toEqual([[1, 2, 3]]);
    queue.send(frame(4));
    queue.flush();
    await nextTurn();
    expect(messages).toEqual([[1, 2, 3], [4]]);
  });

  it('keep their order around one that is too large to be joined', async () => {
    const { queue, messages } = queueOf(true);
    for (const [job, bytes] of [[1, 10], [2, 200_000], [3, 20_000], [4, 20_000]] as const) queue.send(frame(job, bytes));
    await nextTurn();
    expect(messages).toEqual([[1], [2], [3], [4]]);
  });
});
