import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { backgroundLimits, failure } from '#protocol';
import type { Appended, BackgroundEnd } from '#protocol';
import { EventLogWriter } from './event-log-writer.js';
import { eventBytes } from './response-events.js';
import { sentEvents } from './sent-events.js';

const taken: Appended = { isCancelled: false, isKept: true };
const piece = (first: number, count = 1, delta = 'a'): Buffer => eventBytes(Array.from({ length: count }, () => ({ type: 'response.output_text.delta', delta })), first);

/** A log that stores what it is given, as the scheduler does. */
class Log {
  readonly stored: { first: number; count: number; end: BackgroundEnd | undefined; numbers: number[] }[] = [];
  answer: () => Promise<Appended> = () => Promise.resolve(taken);
  cancelled = 0;
  readonly writer: EventLogWriter;

  /** `bytes`: of what earlier runs left in it. */
  constructor(bytes = 0) {
    this.writer = new EventLogWriter(
      { next: 2, bytes },
      async (first, count, events, end) => {
        const answer = await this.answer();
        this.stored.push({ first, count, end, numbers: sentEvents(events).map(({ number }) => number) });
        return answer;
      },
      () => (this.cancelled += 1),
    );
  }
}

describe('the way of events to their log', () => {
  it('is taken in order, in pieces that say what they are, whatever pieces they come in', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 8 }), async (counts) => {
        const log = new Log();
        let next = 2;
        for (const count of counts) {
          await log.writer.write(piece(next, count));
          next += count;
        }
        expect(await log.writer.flush()).toBe(next);
        await log.writer.end('completed', piece(next));
        expect(log.stored.flatMap(({ numbers }) => numbers)).toEqual(Array.from({ length: next - 1 }, (_, n) => n + 2));
        for (const { first, count, numbers } of log.stored) expect([first, count]).toEqual([numbers[0], numbers.length]);
        expect(log.stored.map(({ end }) => end)).toEqual([...log.stored.slice(1).map(() => undefined), 'completed']);
      }),
      { numRuns: 20 },
    );
  });

  it('is as slow as the log: who brings much waits until it is stored', async () => {
    const log = new Log();
    let open = (): void => undefined;
    log.answer = () => new Promise((resolve) => (open = () => resolve(taken)));
    let through = false;
    const large = log.writer.write(piece(2, 1, 'a'.repeat(300 * 1024))).then(() => (through = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(through).toBe(false);
    open();
    await large;
  });

  it('says that the response was cancelled, and goes on until the end', async () => {
    const log = new Log();
    log.answer = () => Promise.resolve({ isCancelled: true, isKept: true });
    await log.writer.write(piece(2));
    await log.writer.end('cancelled', piece(3));
    expect([log.cancelled > 0, log.stored.length]).toEqual([true, 2]);
  });

  it('ends for whoever brings more once the log refused something', async () => {
    const log = new Log();
    log.answer = () => Promise.reject(failure('CONFLICT', 'somebody else has it'));
    await log.writer.write(piece(2));
    await expect(log.writer.end('completed', piece(3))).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(new Log().writer.write(Buffer.alloc(backgroundLimits.eventBytesMax + 1))).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' });
  });

  it('has no more room than earlier runs left in the log, and ends all the same', async () => {
    const log = new Log(backgroundLimits.eventBytesMax - 200);
    await log.writer.write(piece(2));
    await expect(log.writer.write(piece(3, 2))).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' });
    await log.writer.end('failed', piece(3));
    expect(log.stored.map(({ first, end }) => [first, end])).toEqual([[2, undefined], [3, 'failed']]);
  });

  it('takes nothing after the end', async () => {
    const log = new Log();
    await log.writer.end('failed', piece(2));
    await log.writer.write(piece(3));
    expect(log.stored).toHaveLength(1);
  });
});
