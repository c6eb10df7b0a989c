import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { limits } from '#protocol';
import { controlFrame, readControl } from './control.js';
import { decodeFrame, encodeFrame, FrameType, jobMax } from './frame.js';

const types = fc.constantFrom(...Object.values(FrameType));

describe('frames', () => {
  it('come back as they were encoded', () => {
    fc.assert(
      fc.property(types, fc.integer({ min: 0, max: jobMax }), fc.uint8Array({ maxLength: 2_000 }), (type, job, payload) => {
        expect(decodeFrame(encodeFrame({ type, job, payload: Buffer.from(payload) }))).toEqual({ type, job, payload: Buffer.from(payload) });
      }),
    );
  });

  it('decode to a frame that encodes to the same bytes, or are refused as NODE_PROTOCOL, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const message = Buffer.from(bytes);
        try {
          expect(encodeFrame(decodeFrame(message)).equals(message)).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'NODE_PROTOCOL' });
        }
      }),
    );
  });

  it('of an unknown version are refused with both versions named', () => {
    const bytes = encodeFrame({ type: FrameType.pulse, job: 1, payload: Buffer.alloc(0) });
    bytes[0] = 9;
    expect(() => decodeFrame(bytes)).toThrow(/version 9 .* speaks version 1/);
  });

  it('of an unknown type are refused', () => {
    expect(() => decodeFrame(Buffer.from([1, 77, 0, 0, 0, 1]))).toThrow('unknown frame type 77');
  });

  it('carry a full chunk and not a byte more', () => {
    const frame = (bytes: number) => encodeFrame({ type: FrameType.data, job: 1, payload: Buffer.alloc(bytes) });
    expect(decodeFrame(frame(limits.chunkBytes)).payload).toHaveLength(limits.chunkBytes);
    expect(() => decodeFrame(frame(limits.chunkBytes + 1))).toThrow(/over/);
  });

  it('with malformed headers are refused', () => {
    const whole = controlFrame(FrameType.credit, 1, { chunks: 3 });
    expect(readControl(FrameType.credit, whole)).toEqual({ chunks: 3 });
    for (const text of ['', '{', '{"chunks":0}', '{"chunks":9}', '[]', '{"chunks":"3"}']) {
      expect(() => readControl(FrameType.credit, { ...whole, payload: Buffer.from(text) })).toThrow(/malformed/);
    }
  });
});
