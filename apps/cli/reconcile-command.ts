import { Command, Option } from 'commander';
import { RightEdge, sha256 } from '#merkle';
import { parseEnvelope } from '#protocol';
import { apiCommand } from './admin/api-command.js';
import { exportInto } from './export-command.js';
import { followLog } from './monitor/follow-log.js';
import { LogSource } from './monitor/log-source.js';
import type { Finding } from './reconcile/finding.js';
import { checkpointIn, gather } from './reconcile/gather.js';
import { placesIn, readGathered } from './reconcile/gathered.js';
import { issuedAsLogged, reconcile } from './reconcile/reconcile.js';
import type { Reconciliation } from './reconcile/reconcile.js';
import { SeenLog } from './reconcile/seen-log.js';

/** `mizan audit gather`: everything that it takes to check offline that nothing is missing. */
export const gatherCommand = (): Command =>
  apiCommand('gather', 'put the public log, and the entries, counts, charges and invoices of an organisation, into a directory for mizan audit reconcile; call it as often as you like', async ({ api, orgOrNone }, _args, { dir, log, from, to }) => {
    const period = { fromMs: from === undefined ? 0 : timeOf(from), toMs: to === undefined ? Date.now() : timeOf(to) };
    const entries = await exportInto(api, placesIn(dir!).entries, orgOrNone);
    return { dir, newEntries: entries.entries, ...(await gather(api, new LogSource(log ?? api.log), dir!, orgOrNone, period, entries.next)) };
  })
    .requiredOption('--dir <directory>', 'where it is put')
    .option('--from <time>', 'charges and decisions from here on, as 2026-01-01 (default: from the beginning)')
    .option('--to <time>', 'and before this (default: now)')
    .option('--log <url>', 'where the public log is served (default: under the API)');

interface Given {
  readonly dir: string;
  readonly logKey: string;
  readonly pseudonym?: string;
  readonly json?: boolean;
}

/** `mizan audit reconcile`: no network. */
export const reconcileCommand = (): Command =>
  new Command('reconcile')
    .description('check offline that every decision, charge and invoice of what was gathered accounts for the others; exit code 0 when all does, 1 when something is missing or different, 2 when it could not be done, 3 when something could not be checked')
    .requiredOption('--dir <directory>', 'what mizan audit gather has put there')
    .addOption(new Option('--log-key <vkey>', "the log's key, as you know it").env('MIZAN_LOG_KEY').makeOptionMandatory())
    .option('--pseudonym <hex>', "the organisation's name in the log, as you know it (default: the one of the export)")
    .option('--json', 'print JSON')
    .action(async ({ dir, logKey, pseudonym, json }: Given) => {
      const result = await reconciled(dir, logKey, pseudonym);
      if (json === true) console.log(JSON.stringify(result, null, 2));
      else print(result);
      process.exitCode = result.findings.length > 0 ? 1 : result.unknown.length > 0 ? 3 : 0;
    });

/** Errors: what was gathered cannot be read; the log in it is not signed by the key; Alarm: it is not the log that was signed. */
export async function reconciled(dir: string, logKey: string, pseudonym?: string): Promise<Reconciliation & { logSize: number; decisions: string }> {
  const gathered = readGathered(dir);
  const first = gathered.entries[0];
  const known = pseudonym ?? (first && parseEnvelope(Buffer.from(first.envelope, 'base64')).tenant);
  if (known === undefined) throw new Error('the export has no entries, so the name of the organisation in the log is not known: give it by --pseudonym');
  const log = new LogSource(placesIn(dir).log);
  const checkpoint = await checkpointIn(log, logKey);
  const seen = new SeenLog(gathered, known);
  await followLog(log, RightEdge.empty(sha256), checkpoint, (index, entry, leaf) => seen.take(index, entry, leaf));
  const { findings, looked, lastMs } = seen.finish();
  const { states, findings: more, unknown } = reconcile(gathered, seen.counted, lastMs);
  return { logSize: checkpoint.size, decisions: looked, states, findings: unlike([...findings, ...more, ...issuedAsLogged(gathered.invoices, gathered.entries)]), unknown };
}

/** The same said once. */
const unlike = (findings: readonly Finding[]): Finding[] => [...new Map(findings.map((finding) => [`${finding.kind} ${finding.subject}`, finding])).values()];

function print({ logSize, decisions, states, findings, unknown }: Awaited<ReturnType<typeof reconciled>>): void {
  console.log(`log      ${logSize} entries; ${decisions}`);
  for (const [state, { decisions: count, chargeNanos }] of Object.entries(states)) console.log(`${state.padEnd(16)} ${String(count).padStart(8)}  ${chargeNanos} nanos`);
  for (const { kind, message } of findings) console.log(`MISSING  ${kind}: ${message}`);
  for (const one of unknown) console.log(`UNKNOWN  ${one}`);
  if (findings.length === 0) console.log('every decision is accounted for');
}

function timeOf(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new Error(`"${text}" is no time: write it as 2026-01-31 or 2026-01-31T09:00:00Z`);
  return ms;
}
