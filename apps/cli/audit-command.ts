import { readFileSync, writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { BundleVerdict } from '#merkle';
import { apiCommand } from './admin/api-command.js';
import { decideAgain } from './replay/decide-again.js';
import { reportReplay } from './replay/replay-report.js';
import { sessionOf, withApi } from './settings.js';
import { reportBundle } from './verify/bundle-report.js';
import { ChainView } from './verify/chain-view.js';
import { keyHistoryOption, readKeyHistory } from './verify/known-keys.js';
import { anchorCheck, discloseText, isBundle, verifyOfflineBundle } from './verify/offline-bundle.js';
import { verifyOffline } from './verify/offline-proof.js';
import { reportProof } from './verify/report.js';

interface Given {
  readonly logKey?: string;
  readonly witness: readonly string[];
  readonly policy?: string;
  readonly last?: string;
  readonly keyHistory?: string;
  readonly rpc?: string;
  readonly chainId?: string;
  readonly escrow?: string;
  readonly json?: boolean;
}

/** `mizan audit bundle RECORD`: fetches the one file. */
export function bundleCommand(): Command {
  return apiCommand('bundle <record>', 'one file with everything that it takes to check a record offline', async ({ api, orgOrNone }, [record], { out, since, fields }) => {
    const text = await api.text(`/records/${record}/bundle`, { tenant: orgOrNone, since, fields });
    const file = out ?? `${record}.bundle.json`;
    writeFileSync(file, text);
    return { record, file };
  })
    .option('--out <file>', 'write it there')
    .option('--since <size>', 'also prove that the log continues the first so many entries: those of your last checkpoint')
    .option('--fields <names>', 'show only these fields of its bodies, with commas between');
}

/** `mizan audit disclose FILE`: a bundle that shows less, without asking anybody. */
export function discloseCommand(): Command {
  return new Command('disclose')
    .description('make of a proof bundle one that shows only some fields, offline; what it hides cannot be found from it')
    .argument('<file>')
    .requiredOption('--fields <names>', 'names of the fields to show, with commas between')
    .requiredOption('--out <file>', 'write it there')
    .action((file: string, { fields, out }: { fields: string; out: string }) => {
      writeFileSync(out, discloseText(readFileSync(file, 'utf8'), fields.split(',')));
      console.log(`${out}: shows ${fields}`);
    });
}

/** `mizan audit verify FILE`: no network, unless a chain is named. */
export function auditVerifyCommand(): Command {
  return new Command('verify')
    .description('verify a proof bundle (or an older proof file) offline; exit code 0 valid, 1 something does not hold, 2 it could not be done, 3 nothing is wrong but something could not be checked')
    .argument('<file>')
    .addOption(new Option('--log-key <vkey>', "the log's key, as you know it").env('MIZAN_LOG_KEY'))
    .option('--policy <file>', 'logs, witnesses and quorum that you trust (C2SP tlog-policy)')
    .option('--witness <vkey...>', 'verifier keys of witnesses that you trust: all must have cosigned', [])
    .option('--last <file>', 'the last checkpoint that you have seen: a signed note, or the state file of mizan monitor')
    .addOption(keyHistoryOption())
    .option('--rpc <url>', 'ask this chain for the anchor; takes --chain-id and --escrow')
    .option('--chain-id <id>', 'id of the chain')
    .option('--escrow <address>', 'the escrow contract')
    .option('--json', 'print JSON')
    .action(async (file: string, given: Given) => {
      const text = readFileSync(file, 'utf8');
      if (!isBundle(text)) return reportProof(verifyOffline(text, given.logKey, given.witness, readKeyHistory(given.keyHistory, given.logKey)), given.json);
      const verdict = await withChain(verified(text, given), given);
      reportBundle(verdict, { json: given.json, witnesses: given.policy !== undefined || given.witness.length > 0 });
    });
}

/** `mizan audit replay RECORD|FILE`: decides again, from a bundle. */
export function replayCommand(): Command {
  return withApi(new Command('replay'))
    .description('decide a record again with the policy, prices and offers of then; exit code 1 when the result differs, 3 when the bundle does not hold what it takes')
    .argument('<record>', 'id of a record, or the file of its bundle')
    .addOption(new Option('--log-key <vkey>', "the log's key, as you know it").env('MIZAN_LOG_KEY'))
    .addOption(keyHistoryOption())
    .action(async (record: string, given: Given) => {
      const session = /^[0-9a-f-]{36}$/i.test(record) ? sessionOf(given) : undefined;
      const text = session === undefined ? readFileSync(record, 'utf8') : await session.api.text(`/records/${record}/bundle`, { tenant: session.orgOrNone });
      const verdict = verified(text, given);
      if (verdict.result === 'invalid' || verdict.checks.some(({ name, holds }) => name === 'key history' && holds === null)) return reportBundle(verdict, { json: given.json, witnesses: false });
      reportReplay(verdict, decideAgain(verdict), given.json);
    });
}

function verified(text: string, { logKey, witness, policy, last, keyHistory }: Given): BundleVerdict {
  const read = (file: string | undefined): string | undefined => (file === undefined ? undefined : readFileSync(file, 'utf8'));
  return verifyOfflineBundle(text, { logKey, witnesses: witness, policy: read(policy), last: read(last), history: readKeyHistory(keyHistory, logKey) });
}

/** Error: only a part of what names a chain is given, or it cannot be reached. */
async function withChain(verdict: BundleVerdict, { rpc, chainId, escrow }: Given): Promise<BundleVerdict> {
  if (rpc === undefined) return verdict;
  if (chainId === undefined || escrow === undefined) throw new Error('--rpc takes --chain-id and --escrow as well');
  const chain = new ChainView(rpc, BigInt(chainId), escrow);
  try {
    const check = anchorCheck(verdict.anchor, verdict.anchor && (await chain.anchorIn(verdict.anchor.tx)));
    const result = check.holds === false ? 'invalid' : check.holds === null && verdict.result === 'valid' ? 'incomplete' : verdict.result;
    return { ...verdict, checks: [...verdict.checks, check], result };
  } finally {
    chain.close();
  }
}
