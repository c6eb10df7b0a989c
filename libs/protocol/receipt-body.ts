import { z } from 'zod';
import { sha256Hex, timeMs, uuid } from './scalars.js';
import { endpoint, machineUsage } from './vocabulary.js';

/** What a node signs about a job it ran: hashes of the plaintext bytes it received and sent, and the engine's usage. */
export const receiptBody = z.object({
  v: z.literal(1),
  /** The request's record id. */
  record: uuid,
  node: uuid,
  offer: uuid,
  model: z.string(),
  endpoint,
  requestHash: sha256Hex,
  responseHash: sha256Hex,
  usage: machineUsage,
  startedAtMs: timeMs,
  endedAtMs: timeMs,
});
export type ReceiptBody = z.output<typeof receiptBody>;
