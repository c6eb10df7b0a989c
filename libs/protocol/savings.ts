import { z } from 'zod';
import { machineMeters } from '#kernel';
import { defineCall } from './define.js';
import { actor } from './governance.js';
import { label, nanos, sha256Hex, timeMs, uuid } from './scalars.js';

const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'a day like 2026-11-26');
const positive = nanos.refine((value) => value >= 0n, 'must not be negative');
const text = z.string().trim().min(1).max(300);

/** Whose price it is, of when, and how it is known. */
const published = {
  provider: label,
  model: label,
  region: label,
  asOf: day,
  /** Both inclusive; `null`: open. */
  validFrom: day.nullable(),
  validTo: day.nullable(),
  /** From the provider itself, from somebody's copy of its page, or without either. */
  status: z.enum(['primary', 'secondary', 'unconfirmed']),
  source: text,
};

/** What a cloud asked for inference on demand, in nano-dollars per million tokens, as somebody published it. */
export const baselinePrice = z.object({
  ...published,
  inputNanosPerMillion: positive,
  /** `null`: the model has no output to pay for, or it is not known. */
  outputNanosPerMillion: positive.nullable(),
});
export type BaselinePrice = z.output<typeof baselinePrice>;

/** What it asked for work that is measured otherwise, in nano-dollars for `per` of the meter's own unit: a GPU hour is 3,600,000 of `gpu_ms`. */
export const meterPrice = z.object({ ...published, meter: z.enum(machineMeters), nanos: positive, per: z.int().min(1).max(1_000_000_000_000) });
export type MeterPrice = z.output<typeof meterPrice>;

/** Which row a model here is set against: for one meter, or for its tokens and all meters without a line of their own. Another model than the same one is no like with like: the report says so. */
export const modelBaseline = z.object({ model: z.string().min(1).max(200), meter: z.enum(machineMeters).optional(), provider: label, baseline: label, region: label, isSame: z.boolean(), note: text });
export type ModelBaseline = z.output<typeof modelBaseline>;

/** What gas is paid in, for a whole coin of 10¹⁸. */
export const coinPrice = z.object({ nanosPerCoin: positive, asOf: day, source: text });

export const baselineTable = z.object({
  /** Left out when putting one: the built-in prices stay. Twice 400 rows of 600 bytes stay below the bus's mebibyte. */
  prices: z.array(baselinePrice).max(400),
  /** So with these. A stored table of before has none. */
  meterPrices: z.array(meterPrice).max(400).optional(),
  models: z.array(modelBaseline).max(200),
  coin: coinPrice.nullable(),
});
export type BaselineTable = z.output<typeof baselineTable>;

export const savingsVerdicts = ['cheaper', 'equal', 'dearer', 'no_baseline'] as const;

/** One model's tokens, or its work by one other meter, against one row of the table. */
export const savingsRow = z.object({
  model: z.string(),
  /** Left out: tokens. */
  meter: z.enum(machineMeters).optional(),
  /** By that meter. */
  quantity: z.int().nonnegative().optional(),
  /** Each request counts in one row of its model. */
  requests: z.int().nonnegative(),
  inputTokens: z.int().nonnegative(),
  outputTokens: z.int().nonnegative(),
  paidNanos: nanos,
  /** `null`: none, or the row is of a meter. */
  baseline: baselinePrice.nullable(),
  meterBaseline: meterPrice.optional(),
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
  /** Charges of all rows that have a baseline, fees with them and everything beside; and what the baselines sum to. */
  paidNanos: nanos,
  baselineNanos: nanos,
  /** What was paid for work that the table has no price of: in neither. */
  uncomparedNanos: nanos.optional(),
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
