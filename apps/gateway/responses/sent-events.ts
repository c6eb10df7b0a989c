import { backgroundLimits } from '#protocol';
import type { BackgroundState } from '#protocol';
import { endEvent, eventBytes } from './response-events.js';

/** An event of a response as it is stored: its number, and its bytes with their end. */
export interface SentEvent {
  readonly number: number;
  readonly bytes: Buffer;
}

const eventEnd = Buffer.from('\n\n');
const dataStart = Buffer.from('\ndata: ');

/** How many events some bytes are: JSON has no line ends in it. */
export function countEvents(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(eventEnd); at >= 0; at = bytes.indexOf(eventEnd, at + eventEnd.length)) count += 1;
  return count;
}

export function sentEvents(bytes: Buffer): SentEvent[] {
  const events: SentEvent[] = [];
  for (let from = 0, at = bytes.indexOf(eventEnd); at >= 0; from = at + eventEnd.length, at = bytes.indexOf(eventEnd, from)) {
    const event = bytes.subarray(from, at + eventEnd.length);
    events.push({ number: (dataOf(event) as { sequence_number: number }).sequence_number, bytes: event });
  }
  return events;
}

/** The response that the last of some events holds: of a whole one some megabytes, and the only one that is read. */
export function lastEvent(bytes: Buffer): Record<string, unknown> | undefined {
  const end = bytes.lastIndexOf(eventEnd);
  if (end < 0) return undefined;
  const before = end === 0 ? -1 : bytes.lastIndexOf(eventEnd, end - 1);
  return (dataOf(bytes.subarray(before < 0 ? 0 : before + eventEnd.length, end + eventEnd.length)) as { response?: Record<string, unknown> }).response;
}

/** The events before the log: of a response that was made and waits. */
export function firstEvents(queued: unknown): SentEvent[] {
  return sentEvents(eventBytes([{ type: 'response.created', response: queued }, { type: 'response.queued', response: queued }], 0));
}

/** The end of a response that nobody told. */
export function untoldEnd(queued: Record<string, unknown>, { status, error, events }: Pick<BackgroundState, 'status' | 'error' | 'events'>): Buffer {
  if (status === 'queued' || status === 'in_progress') throw new TypeError('a response that has not ended has no last event');
  return eventBytes([endEvent(status, { ...queued, status, error })], events);
}

/** The highest number before the log. */
export const beforeLog = backgroundLimits.firstEvent - 1;

const dataOf = (event: Buffer): unknown => JSON.parse(event.subarray(event.indexOf(dataStart) + dataStart.length).toString('utf8'));
