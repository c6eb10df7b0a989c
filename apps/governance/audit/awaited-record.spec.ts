import { describe, expect, it } from '@jest/globals';
import { uuidv7 } from '#kernel';
import { mayBePending } from './awaited-record.js';

const nowMs = 1_800_000_000_000;
const idOf = (timeMs: number): string => uuidv7(timeMs, new Uint8Array(10).fill(7));

describe('a record that is not in the log', () => {
  it('may be on its way for a minute after its id was made', () => {
    expect(mayBePending(idOf(nowMs), nowMs)).toBe(true);
    expect(mayBePending(idOf(nowMs - 59_000), nowMs)).toBe(true);
    expect(mayBePending(idOf(nowMs - 60_000), nowMs)).toBe(false);
  });

  it('is not awaited when its id is from the future or tells no time', () => {
    expect(mayBePending(idOf(nowMs + 3_600_000), nowMs)).toBe(false);
    expect(mayBePending('11111111-1111-4111-8111-111111111111', nowMs)).toBe(false);
  });
});
