import { describe, expect, it } from '@jest/globals';
import { asText } from './output.js';

describe('answers as text', () => {
  it('are tables for listings, and say when there is more', () => {
    const text = asText({ data: [{ id: 'a', size: 1 }, { id: 'bcd', tags: ['x'] }], hasMore: true });
    expect(text).toBe('id   size  tags\na    1     -\nbcd  -     ["x"]\n(more: use --after with the last id)');
  });

  it('say when a listing is empty', () => {
    expect(asText({ data: [] })).toBe('none');
  });

  it('are one line a member for one thing, with times to read', () => {
    expect(asText({ id: 'a', createdAtMs: 0, revokedAtMs: null })).toBe('id           a\ncreatedAtMs  1970-01-01T00:00:00.000Z\nrevokedAtMs  -');
  });
});
