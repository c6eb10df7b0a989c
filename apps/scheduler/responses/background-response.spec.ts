import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { backgroundLimits, backgroundStatuses, isEnded } from '#protocol';
import type { BackgroundEnd, BackgroundStatus } from '#protocol';
import { backgroundStatusesBefore, failureOf, rerunMsOf, responseRecord, takenEvents } from './background-response.js';

const id = '01a0c8a1-2f00-7000-8000-00000000abcd';

describe('a response in the background', () => {
  it('comes into no other status from one in which it has ended', () => {
    for (const to of backgroundStatuses) expect(backgroundStatusesBefore[to].filter(isEnded)).toEqual([]);
  });

  it('ends in one status, whatever its gateway, a cancellation and a loss say in whatever order', () => {
    const said = fc.constantFrom<BackgroundStatus>('in_progress', 'queued', 'completed', 'incomplete', 'failed', 'cancelled');
    fc.assert(
      fc.property(fc.array(said, { maxLength: 20 }), (steps) => {
        const seen = new Set<BackgroundStatus>();
        let status: BackgroundStatus = 'queued';
        for (const to of steps) {
          if (backgroundStatusesBefore[to].includes(status)) status = to;
          if (isEnded(status)) seen.add(status);
        }
        expect(seen.size).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('takes the next events once, and leaves no gap', () => {
    const at = { status: 'in_progress' as const, events: 7, isGone: false };
    const brought = (first: number, count: number, end?: BackgroundEnd) => takenEvents(at, { first, count, end });
    expect([brought(7, 3), brought(5, 2), brought(2, 1), brought(8, 1), brought(6, 2), brought(1, 1)]).toEqual(['stored', 'known', 'known', 'gap', 'gap', 'gap']);
    expect(brought(7, 1, 'completed')).toBe('stored');
  });

  it('that was cancelled takes what was produced, and no other end than that', () => {
    const cancelled = { status: 'cancelled' as const, events: backgroundLimits.firstEvent, isGone: false };
    const brought = (end?: BackgroundEnd) => takenEvents(cancelled, { first: 2, count: 1, end });
    expect([brought(), brought('completed'), brought('failed'), brought('cancelled')]).toEqual(['stored', 'cancelled', 'cancelled', 'stored']);
  });

  it('that is gone takes nothing, and says so to its gateway', () => {
    expect(takenEvents({ status: 'in_progress', events: 2, isGone: true }, { first: 2, count: 1, end: 'completed' })).toBe('unwanted');
  });

  it('may be repeated under its record while half of the time of its first run is left', () => {
    expect(rerunMsOf({ sinceMs: 1_000, untilMs: 601_000 })).toBe(300_000);
  });

  it('that was given up says for what, in one of the codes that clients know', () => {
    expect(failureOf('CONCURRENCY_LIMITED')).toMatchObject({ code: 'rate_limit_exceeded', message: expect.stringContaining('CONCURRENCY_LIMITED') });
    expect(failureOf('NODE_UNREACHABLE')).toMatchObject({ code: 'server_error', message: expect.stringContaining('NODE_UNREACHABLE') });
    expect(failureOf('answer_lost')).toEqual({ code: 'server_error', message: expect.stringContaining('charged') });
    expect(failureOf('INTERNAL')).toMatchObject({ code: 'server_error' });
  });

  it('has its own record at first, and another one after each run that ended without a charge', () => {
    const records = [0, 1, 2].map((generation) => responseRecord(id, generation));
    expect(records[0]).toBe(id);
    expect(new Set(records).size).toBe(3);
    expect(records[1]).toBe(responseRecord(id, 1));
    expect(records[1]!.slice(0, 13)).toBe(id.slice(0, 13));
  });
});
