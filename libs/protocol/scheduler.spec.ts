import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ask, enrolmentRequest, label } from './index.js';

const offered = { model: 'm', endpoints: ['embeddings'], capacity: 1, inputNanosPerMillion: '20000000', outputNanosPerMillion: '0' };
const takes = (over: object): boolean => ask.safeDecode({ ...offered, ...over } as never).success;

describe('what a node asks for its work', () => {
  it('is an amount that the books can hold', () => {
    expect(takes({})).toBe(true);
    expect(takes({ inputNanosPerMillion: (2n ** 63n - 1n).toString() })).toBe(true);
    for (const wrong of ['-1', (2n ** 63n).toString(), '9'.repeat(19)]) {
      expect(takes({ inputNanosPerMillion: wrong })).toBe(false);
      expect(takes({ outputNanosPerMillion: wrong })).toBe(false);
    }
    expect(z.encode(ask, z.decode(ask, offered as never))).toEqual(offered);
  });

  it('is by meters that are known, and cached tokens are not dearer than others', () => {
    const meters = { images: '40000000', audio_ms: '100000', cached_tokens: '20000000' };
    expect(z.decode(ask, { ...offered, meters } as never).meters).toEqual({ images: 40_000_000n, audio_ms: 100_000n, cached_tokens: 20_000_000n });
    expect([{ favours: '1' }, { images: '-1' }, { images: 1 }, { images: (2n ** 63n).toString() }].map((wrong) => takes({ meters: wrong }))).toEqual([false, false, false, false]);
    const asked = enrolmentRequest.shape.asks;
    expect([meters, { cached_tokens: '20000001' }].map((one) => asked.safeDecode([{ ...offered, meters: one }] as never).success)).toEqual([true, false]);
  });

  it('and the names in it are text that every database takes', () => {
    expect(label.safeParse('Frankfurt – نود ١').success).toBe(true);
    for (const wrong of ['a\u0000b', 'a\ud800', '\udc00a', 'a\nb']) {
      expect(label.safeParse(wrong).success).toBe(false);
      expect(takes({ model: wrong })).toBe(false);
    }
  });
});
