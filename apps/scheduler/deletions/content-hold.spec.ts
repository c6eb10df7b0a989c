import { describe, expect, it } from '@jest/globals';
import { holdOf } from './content-hold.js';

const [ann, bob] = ['a'.repeat(64), 'b'.repeat(64)];
const hold = { id: '00000000-0000-7000-8000-000000000001', person: null, fromMs: null, untilMs: null };
const content = { id: '00000000-0000-7000-8000-000000000002', createdAtMs: 100, deletedAtMs: 200, persons: [ann], isToldHeld: false };

describe('a hold of contents', () => {
  it('keeps what was there in its time, both ends included', () => {
    for (const [fromMs, untilMs, isHeld] of [[null, null, true], [200, null, true], [201, null, false], [null, 100, true], [null, 99, false], [120, 130, true]] as const) {
      expect(holdOf([{ ...hold, fromMs, untilMs }], content) !== undefined).toBe(isHeld);
    }
  });

  it('of a person keeps what may be about them: what names nobody, and not what names others alone', () => {
    expect([[ann], [ann, bob], [bob], []].map((persons) => holdOf([{ ...hold, person: ann }], { ...content, persons }) !== undefined)).toEqual([true, true, false, true]);
  });

  it('is one of several', () => {
    expect(holdOf([{ ...hold, person: bob }, { ...hold, id: content.id }], content)?.id).toBe(content.id);
    expect(holdOf([], content)).toBeUndefined();
  });
});
