import type { Command } from 'commander';
import { parseNanos } from '#kernel';
import { payoutSchedule } from '#protocol';
import type { PayoutSchedule } from '#protocol';
import { apiCommand, group, listCommand } from './api-command.js';

const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];

/** `90m`, `09:30`, `monday 09:30`, `28 09:30`; `none` = with the deployment's epochs. Error: it is none of these. */
export function scheduleFrom(text: string): PayoutSchedule | null {
  if (text === 'none') return null;
  const [first = '', at] = text.trim().toLowerCase().split(/\s+/);
  const minutes = /^(\d+)m$/.exec(first);
  const given = minutes
    ? { kind: 'interval', minutes: Number(minutes[1]) }
    : at === undefined
      ? { kind: 'daily', at: first }
      : /^\d+$/.test(first)
        ? { kind: 'monthly', day: Number(first), at }
        : { kind: 'weekly', weekday: weekdays.indexOf(first) + 1, at };
  const parsed = payoutSchedule.safeParse(given);
  if (!parsed.success) throw new Error(`"${text}" is no schedule: write 90m, 09:30, "monday 09:30", "28 09:30" (day of the month) or none; times are UTC`);
  return parsed.data;
}

/** Unix milliseconds of a time as it is typed; null: none was. Error: it is no time, and a hold that nobody meant would have no end. */
export function timeFrom(text: string | undefined): number | null {
  if (text === undefined) return null;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new Error(`"${text}" is no time: write it as 2026-12-31T00:00Z`);
  return ms;
}

export const payoutRuleCommands = (): Command[] => [
  group(
    'payout-hold',
    'payees who are held back; what is owed to them stays owed',
    apiCommand('place <payee> <reason>', 'hold a payee back: for an organisation (--org), or from every payer', ({ api, orgOrNone }, [payee, reason], { until }) =>
      api.ask('POST', '/payout-holds', { body: { tenant: orgOrNone, payee, reason, untilMs: timeFrom(until) } }),
    ).option('--until <time>', 'when it ends by itself, as 2026-12-31T00:00Z'),
    listCommand('holds', ({ api, orgOrNone }, page) => api.ask('GET', '/payout-holds', { query: { ...page, tenant: orgOrNone } })),
    apiCommand('release <id> <note>', 'end a hold', ({ api, orgOrNone }, [id, note]) => api.ask('POST', `/payout-holds/${id}/release`, { body: { tenant: orgOrNone, note } })),
    apiCommand('owed', 'what is owed and not paid now, and why', (session) => session.api.ask('GET', '/payouts/held', { query: { tenant: session.org() } })),
  ),
  group(
    'payout-minimum',
    'what must be owed before it is paid',
    apiCommand('set <usd>', 'for every payee, or one; 0 takes it away', (session, [usd], { payee }) =>
      session.api.ask('PUT', `/organisations/${session.org()}/payout-minimums`, { body: { payee: payee ?? null, minimumNanos: parseNanos(usd!).toString() } }),
    ).option('--payee <address>', 'of one payee'),
    listCommand('minimum payouts', (session, page) => session.api.ask('GET', `/organisations/${session.org()}/payout-minimums`, { query: page })),
  ),
  group(
    'payout-schedule',
    'when epochs run',
    apiCommand('set <when>', '90m, 09:30, "monday 09:30", "28 09:30" (UTC), or none', (session, [when]) => session.api.ask('PUT', `/organisations/${session.org()}/payout-schedule`, { body: { schedule: scheduleFrom(when!) } })),
    apiCommand('get', 'when epochs run', (session) => session.api.ask('GET', `/organisations/${session.org()}/payout-schedule`)),
  ),
  group(
    'payout-dispute',
    'lines of statements that somebody does not agree with',
    apiCommand('open <statement> <payee> <reason>', "dispute what a statement paid a payee", (session, [statement, payee, reason]) =>
      session.api.ask('POST', '/payout-disputes', { body: { tenant: session.org(), statement, payee, reason } }),
    ),
    listCommand('disputes', ({ api, orgOrNone }, page) => api.ask('GET', '/payout-disputes', { query: { ...page, tenant: orgOrNone } })),
    apiCommand('resolve <id> <note>', 'end a dispute', ({ api, orgOrNone }, [id, resolution]) => api.ask('POST', `/payout-disputes/${id}/resolve`, { body: { tenant: orgOrNone, resolution } })),
  ),
];
