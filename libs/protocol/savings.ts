import { z } from 'zod';
import { defineCall } from './define.js';
import { actor } from './governance.js';
import { label, nanos, sha256Hex, timeMs, uuid } from './scalars.js';

const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'a day like 2026-11-26');
const positive = nanos.refine((value) => value >= 0n, 'must not be negative');
const text = z.string().trim().min(1).max(300);

/** What a cloud asked for inference on demand, in nano-dollars per million tokens, as somebody published it. */
export const baselinePrice = z.object({
  provider: label,
  model: label,
  region: label,
  inputNanosPerMillion: positive,
  /** `null`: the model has no output to pay for, or it is not known. */
  outputNanosPerMillion: positive.nullable(),
  asOf: day,
  /** Both inclusive; `null`: open. */
  validFrom: day.nullable(),
  validTo: day.nullable(),
  /** From the provider itself, from somebody's copy of its page, or without either. */
  status: z.enum(['primary', 'secondary', 'unconfirmed']),
  source: text,
});
export type BaselinePrice = z.output<typeof baselinePrice>;

/** Which row a model here is set against. Another model than the same one is no like with like: the report says so. */
export const modelBaseline = z.object({ model: z.string().min(1).max(200), provider: label, baseline: label, region: label, isSame: z.boolean(), note: text });
export type ModelBaseline = z.output<typeof modelBaseline>;

/** What gas is paid in, for a whole coin of 10¹⁸. */
export const coinPrice = z.object({ nanosPerCoin: positive, asOf: day, source: text });

export const baselineTable = z.object({
  /** Left out when putting one: the built-in prices stay. 400 rows of 600 bytes stay below the bus's mebibyte. */
  prices: z.array(baselinePrice).max(400),
  models: z.array(modelBaseline).max(200),
  coin: coinPrice.nullable(),
});
export type BaselineTable = z.output<typeof baselineTable>;

export const savingsVerdicts = ['cheaper', 'equal', 'dearer', 'no_baseline'] as const;

/** One model's work against one row of the table. */
export const savingsRow = z.object({
  model: z.string(),
  requests: z.int().nonnegative(),
  inputTokens: z.int().nonnegative(),
  outputTokens: z.int().nonnegative(),
  paidNanos: nanos,
  baseline: baselinePrice.nullable(),
  isSame: z.boolean(),
  note: z.string().nullable(),
  baselineNanos: nanos.nullable(),
  verdict: z.enum(savingsVerdicts),
});
export type SavingsRow = z.output<typeof savingsRow>;

export const savingsReport = z.object({
  tenant: uuid,
  fromMs: timeMs,
  toMs: timeMs,
  /** SHA-256 over the canonical JSON of the table that was used, and whose it is. */
  tableHash: sha256Hex,
  tableFrom: z.enum(['built-in', 'operator']),
  rows: z.array(savingsRow),
  /** What was paid beside the charges; `nanos` is `null` where no price of the coin was given. Repeated and failed attempts are charged nothing. */
  beside: z.array(z.object({ what: z.enum(['gas', 'retries']), quantity: z.string(), nanos: nanos.nullable(), explanation: z.string() })),
  /** Charges of all rows that have a baseline, with everything beside; and what the baselines sum to. */
  paidNanos: nanos,
  baselineNanos: nanos,
  verdict: z.enum(savingsVerdicts),
  /** What these figures are not. */
  caveats: z.array(z.string()),
});
export type SavingsReport = z.output<typeof savingsReport>;

export const savingsCalls = {
  report: defineCall('billing', 'savings.report', { request: z.object({ tenant: uuid, fromMs: timeMs, toMs: timeMs }), reply: savingsReport, timeoutMs: 20_000 }),
  getTable: defineCall('billing', 'savings.get-table', { request: z.object({}), reply: z.object({ table: baselineTable, from: z.enum(['built-in', 'operator']), hash: sha256Hex }) }),
  putTable: defineCall('billing', 'savings.put-table', { request: baselineTable.extend({ prices: baselineTable.shape.prices.optional(), actor }), reply: z.object({ table: baselineTable, from: z.enum(['built-in', 'operator']), hash: sha256Hex }) }),
  /** Gas of an organisation's settlements, mined in the period. In wei. */
  gasSpent: defineCall('settlement', 'gas.spent', { request: z.object({ tenant: uuid, fromMs: timeMs, toMs: timeMs }), reply: z.object({ wei: z.string().regex(/^\d{1,39}$/), transactions: z.int().nonnegative() }) }),
} as const;
