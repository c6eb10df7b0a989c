import { endpoints, isPlainReceipt, isPlainUsage, isUuidAsRead, limits } from '#protocol';
import { remainingMsMax } from './job-limits.js';
import { FrameType } from './frame.js';

type Members = Readonly<Record<string, unknown>>;

/**
 * Whether a header is as our own sides usually write it, member for member, so that its schema would give it back as it is. All else, right or wrong, is
 * the schema's to read: by hand it takes a tenth of the time, and there are five of these for each job.
 */
export function isPlainHeader(type: FrameType, header: unknown): boolean {
  return isObject(header) && (plain[type]?.(header) ?? false);
}

const needed = 7;

/** With a cache salt and a worth, or without; a trace is rare. */
function isPlainOpen(header: Members): boolean {
  const { model, cacheSalt, worthNanos } = header;
  return (
    has(header, needed + (cacheSalt === undefined ? 0 : 1) + (worthNanos === undefined ? 0 : 1)) && isUuidAsRead(header['record']) && isUuidAsRead(header['offer']) && isText(model, 200) && model !== '' &&
    (endpoints as readonly unknown[]).includes(header['endpoint']) && isBetween(header['bodyBytes'], 0, limits.jobBodyBytesMax) && isBetween(header['remainingMs'], 1, remainingMsMax) && header['joins'] === true &&
    (cacheSalt === undefined || isText(cacheSalt, 128)) && (worthNanos === undefined || (typeof worthNanos === 'string' && worth.test(worthNanos)))
  );
}

const worth = /^\d{1,19}$/;

const plain: Partial<Record<FrameType, (header: Members) => boolean>> = {
  [FrameType.open]: isPlainOpen,
  [FrameType.accept]: (header) => has(header, 1) && header['joins'] === true,
  [FrameType.head]: (header) => has(header, 2) && isBetween(header['status'], 200, 599) && isText(header['contentType'], 200),
  [FrameType.end]: (header) => has(header, 2) && isPlainUsage(header['usage']) && isPlainReceipt(header['receipt']),
};

const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value);
const has = (header: Members, members: number): boolean => Object.keys(header).length === members;
const isText = (value: unknown, max: number): boolean => typeof value === 'string' && value.length <= max;
const isBetween = (value: unknown, least: number, most: number): boolean => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
