import type { ReceiptBody } from './receipt-body.js';
import { isBase64, isSha256, isUuidAsRead } from './scalars.js';
import { endpoints } from './vocabulary.js';

type Members = Readonly<Record<string, unknown>>;

/** A receipt with a model's name of 200 characters has about 1,300 bytes. */
export const receiptCharsMax = 4_096;
export const signatureCharsMax = 88;

/** What `signedReceipt` takes and gives back as it is. */
export const isPlainReceipt = (value: unknown): boolean => isObject(value) && Object.keys(value).length === 2 && isBase64(value['bytes']) && value['bytes'].length <= receiptCharsMax && isBase64(value['signature']) && value['signature'].length <= signatureCharsMax;

/** What `usage` takes and gives back as it is; tokens alone. */
export const isPlainUsage = (value: unknown): boolean => isObject(value) && Object.keys(value).length === 2 && isCount(value['inputTokens']) && isCount(value['outputTokens']);

const bodyMembers = 11;

/** What `receiptBody` takes and gives back as it is. */
export const isPlainReceiptBody = (value: unknown): value is ReceiptBody =>
  isObject(value) && Object.keys(value).length === bodyMembers && value['v'] === 1 && isUuidAsRead(value['record']) && isUuidAsRead(value['node']) && isUuidAsRead(value['offer']) && typeof value['model'] === 'string' &&
  (endpoints as readonly unknown[]).includes(value['endpoint']) && isSha256(value['requestHash']) && isSha256(value['responseHash']) && isPlainUsage(value['usage']) && isCount(value['startedAtMs']) && isCount(value['endedAtMs']);

const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
