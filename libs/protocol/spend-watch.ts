import { z } from 'zod';
import { defineCall, defineEvent } from './define.js';
import { actor } from './governance.js';
import { label, nanos, pageRequest, timeMs, uuid } from './scalars.js';
import { spendPeriod } from './spend-limit.js';
import { limitScope } from './traffic.js';

/** Alerts of one organisation: each is a sum over its usage in every round. */
export const spendAlertsMax = 200;

/** A share of an amount of money, by the name people know it by. */
export const spendThreshold = z.object({ name: label, percent: z.int().min(1).max(1_000) });

/** Of whom, and in which period, spend is watched: one alert of a kind. */
const watched = z.object({ scope: limitScope, subject: uuid, period: spendPeriod });

export const newSpendAlert = watched.extend({
  /** A soft limit: passing it stops nothing. `null`: of the hard limit in force, which is the spend limit of the same subject and period, or for a project in `total` its budget. */
  amountNanos: nanos.refine((value) => value > 0n && value < 2n ** 63n, 'between 1 and 2^63 − 1').nullable().default(null),
  thresholds: z
    .array(spendThreshold)
    .min(1)
    .max(10)
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length && new Set(all.map(({ percent }) => percent)).size === all.length, 'a threshold stands twice'),
});
export type NewSpendAlert = z.output<typeof newSpendAlert>;

export const spendAlert = watched.extend({ id: uuid, tenant: uuid, amountNanos: nanos.nullable(), thresholds: z.array(spendThreshold), changedAtMs: timeMs });
export type SpendAlert = z.output<typeof spendAlert>;

/** How an alert stands in the period that runs. */
export const spendAlertState = spendAlert.extend({
  /** What thresholds are shares of; `null` while there is no hard limit that it follows. */
  limitNanos: nanos.nullable(),
  spentNanos: nanos,
  fromMs: timeMs,
  /** `null` in `total`. */
  toMs: timeMs.nullable(),
});
export type SpendAlertState = z.output<typeof spendAlertState>;

/** A threshold that spend has reached: once for each period. */
export const firedAlert = watched.extend({
  id: uuid,
  tenant: uuid,
  alert: uuid,
  threshold: spendThreshold,
  limitNanos: nanos,
  spentNanos: nanos,
  fromMs: timeMs,
  firedAtMs: timeMs,
});
export type FiredAlert = z.output<typeof firedAlert>;

export const spendWindows = ['hour', 'day'] as const;

/** Spend of an organisation, a project or on a model far from what the same hour of the day, or the same day of the week, has cost before. */
export const unusualSpend = z.object({
  id: uuid,
  tenant: uuid,
  /** `null`: all projects of the organisation together. */
  project: uuid.nullable(),
  /** On this model in all projects; `null`: on all of them. Looked at where an organisation uses several. */
  model: z.string().nullable().default(null),
  window: z.enum(spendWindows),
  fromMs: timeMs,
  direction: z.enum(['above', 'below']),
  /** So far in the window. */
  spentNanos: nanos,
  /** The median of the past it was compared with, and the median distance from that. */
  usualNanos: nanos,
  spreadNanos: nanos,
  /** How many hours or days that past has. */
  samples: z.int().positive(),
  foundAtMs: timeMs,
});
export type UnusualSpend = z.output<typeof unusualSpend>;

const tenantPage = pageRequest.extend({ tenant: uuid });

/** Of one project alone, of hours and days that begin in a period; left out: all of them. */
export const unusualSpendFilter = z.object({ project: uuid.optional(), fromMs: timeMs.optional(), toMs: timeMs.optional() });
export type UnusualSpendFilter = z.output<typeof unusualSpendFilter>;

export const spendWatchCalls = {
  /** Makes or replaces the alert of a subject and period; the same again changes nothing. Errors: NOT_FOUND (organisation, project), CONFLICT (too many). */
  putAlert: defineCall('billing', 'spend-alerts.put', { request: newSpendAlert.extend({ actor, tenant: uuid }), reply: spendAlert }),
  listAlerts: defineCall('billing', 'spend-alerts.list', { request: z.object({ tenant: uuid }), reply: z.object({ data: z.array(spendAlertState) }) }),
  /** What it has fired stays. Error: NOT_FOUND. */
  removeAlert: defineCall('billing', 'spend-alerts.remove', { request: z.object({ actor, tenant: uuid, id: uuid }), reply: spendAlert }),
  /** Oldest first. */
  listFired: defineCall('billing', 'spend-alerts.fired', { request: tenantPage, reply: z.object({ data: z.array(firedAlert), hasMore: z.boolean() }) }),
  /** Oldest first. */
  listUnusual: defineCall('billing', 'unusual-spend.list', { request: tenantPage.extend(unusualSpendFilter.shape), reply: z.object({ data: z.array(unusualSpend), hasMore: z.boolean() }) }),
} as const;

export const spendWatchEvents = {
  alertFired: defineEvent('billing', 'spend-alert-fired', firedAlert),
  unusualSpend: defineEvent('billing', 'unusual-spend', unusualSpend),
} as const;
