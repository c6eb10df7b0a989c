import { describe, expect, it } from '@jest/globals';
import { LinkedAbort } from './linked-abort.js';

describe('a linked abort', () => {
  it('aborts with the signal that it follows, for its reason', () => {
    const outer = new AbortController();
    const linked = new LinkedAbort(outer.signal);
    expect(linked.signal.aborted).toBe(false);
    outer.abort('gone');
    expect(linked.signal).toMatchObject({ aborted: true, reason: 'gone' });
  });

  it('is aborted from the start when the signal is', () => {
    expect(new LinkedAbort(AbortSignal.abort('before')).signal).toMatchObject({ aborted: true, reason: 'before' });
  });

  it('aborts by itself, once, and leaves the followed signal alone', () => {
    const outer = new AbortController();
    const linked = new LinkedAbort(outer.signal);
    linked.abort('own');
    outer.abort('later');
    expect(linked.signal.reason).toBe('own');
    const alone = new LinkedAbort(undefined);
    alone.abort('own');
    expect(alone.signal.aborted).toBe(true);
  });

  it('follows nothing any more once it is released', () => {
    const outer = new AbortController();
    const linked = new LinkedAbort(outer.signal);
    linked.release();
    outer.abort();
    expect(linked.signal.aborted).toBe(false);
  });
});
