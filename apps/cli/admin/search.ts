import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseNanos } from '#kernel';
import { apiCommand } from './api-command.js';

/** Searches the entries of an organisation by what it may search by; all that is given must hold. */
export const searchCommand = (): Command =>
  apiCommand('search', 'find log entries, newest first; all that is given must hold', ({ api, orgOrNone }, _args, { from, until, costMin, costMax, ...options }) => {
    const { after, limit, record, type, principal, project, model, network, region, decision, policy, policyVersion } = options;
    const query = { after, limit, record, type, keyId: principal, project, model, network, region, decision, policy, policyVersion, tenant: orgOrNone };
    return api.ask('GET', '/records', { query: { ...query, fromMs: toMs(from), untilMs: toMs(until), costMinNanos: toNanos(costMin), costMaxNanos: toNanos(costMax) } });
  })
    .option('--from <time>', 'not before, as 2026-01-31 or 2026-01-31T09:00:00Z')
    .option('--until <time>', 'not after')
    .option('--principal <key-id>', 'the id of the key that asked, or made the change')
    .option('--project <id>')
    .option('--model <name>')
    .option('--network <name>')
    .option('--region <name>')
    .addOption(new Option('--decision <decision>').choices(['permit', 'deny']))
    .option('--policy <id>', 'a policy that decided')
    .option('--policy-version <number>')
    .option('--cost-min <usd>', 'charged at least')
    .option('--cost-max <usd>', 'charged at most')
    .option('--record <id>')
    .option('--type <type>', 'admitted, completed, refused, …')
    .option('--after <index>', 'index of the last entry of the page before')
    .option('--limit <count>', 'entries at most');

function toMs(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new InvalidArgumentError(`"${text}" is no time: write it as 2026-01-31 or 2026-01-31T09:00:00Z`);
  return String(ms);
}

const toNanos = (usd: string | undefined): string | undefined => (usd === undefined ? undefined : parseNanos(usd).toString());
