import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { endOf, objectName } from './export-files.js';

function file(entries: readonly { index: number; previous: number | null }[], next: number | null = null): string {
  const head = [{ kind: 'export' }, ...entries.map((entry) => ({ kind: 'entry', timeMs: 1_767_225_600_000, ...entry }))].map((line) => `${JSON.stringify(line)}\n`).join('');
  return `${head}${JSON.stringify({ kind: 'end', entries: entries.length, next, sha256: createHash('sha256').update(head).digest('hex') })}\n`;
}

describe('a file of an export', () => {
  it('is whole when each entry names the one before it, on from what the reader has', () => {
    expect(endOf(file([{ index: 4, previous: 2 }, { index: 9, previous: 4 }], 9), 2)).toEqual({ count: 2, first: 4, last: 9, timeMs: 1_767_225_600_000, next: 9 });
    expect(endOf(file([]), 7)).toMatchObject({ count: 0, last: null, next: null });
  });

  it('shows a gap within it and before it, a changed byte, and that it was cut off', () => {
    expect(() => endOf(file([{ index: 4, previous: 2 }, { index: 9, previous: 5 }]), 2)).toThrow('a gap before entry 9');
    expect(() => endOf(file([{ index: 4, previous: 3 }]), 2)).toThrow('a gap before entry 4');
    expect(() => endOf(file([{ index: 4, previous: 2 }]), null)).toThrow('a gap before entry 4');
    const whole = file([{ index: 4, previous: 2 }]);
    expect(() => endOf(whole.replace('"previous":2', '"previous":3'), 2)).toThrow('hash');
    expect(() => endOf(whole.slice(0, whole.indexOf('{"kind":"end"')), 2)).toThrow('cut off');
  });

  it('is named by the day of its first entry, in the order of the log', () => {
    expect(objectName(Date.UTC(2026, 0, 31), 7, 1234)).toBe('2026/01/31/000000000007-000000001234.jsonl');
  });
});
