import { z } from 'zod';
import { defineCall } from './define.js';
import { evmAddress, pageRequest, tokenUnits, uuid } from './scalars.js';
import { chainPosition } from './settlement.js';

/** Money that a payer put into the escrow, or took back out of it. */
export const shownDeposit = z.object({
  /** Null while the payer pays for nobody. */
  tenant: uuid.nullable(),
  payer: evmAddress,
  kind: z.enum(['deposit', 'withdrawal']),
  units: tokenUnits,
  /** What is not final may be taken back by the chain, and is in no book yet. */
  isFinal: z.boolean(),
  /** Why it does not count, final as it is; null: it does. */
  held: z.string().nullable().default(null),
  at: chainPosition,
});
export type ShownDeposit = z.output<typeof shownDeposit>;

export const depositCalls = {
  /** Newest first; `after` is `<block>:<log index>`. Errors: REQUEST_INVALID, CHAIN_UNAVAILABLE. */
  list: defineCall('settlement', 'deposits.list', {
    request: pageRequest.extend({ tenant: uuid.nullable() }),
    /** `block` is the newest; up to `finalBlock` everything is final and told to the books. */
    reply: z.object({ block: z.int().nonnegative(), finalBlock: z.int().nonnegative(), data: z.array(shownDeposit), hasMore: z.boolean() }),
    timeoutMs: 10_000,
  }),
} as const;
