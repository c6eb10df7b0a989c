import { readFileSync, writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { verifyOffline } from '../verify/offline-proof.js';
import { reportProof } from '../verify/report.js';
import { apiCommand, group, listCommand } from './api-command.js';
import { searchCommand } from './search.js';

export const recordCommands = (): Command[] => [
  group(
    'record',
    'decision records',
    listCommand('log entries, newest first', ({ api, orgOrNone }, page, { type }) => api.ask('GET', '/records', { query: { ...page, type, tenant: orgOrNone } })).option('--type <type>', 'admitted, completed, refused, …'),
    apiCommand('get <id>', 'the entries of one record', ({ api, orgOrNone }, [id]) => api.ask('GET', `/records/${id}`, { query: { tenant: orgOrNone } })),
    apiCommand('proof <id>', 'a proof that the record is in the log', async ({ api, orgOrNone }, [id], { out }) => {
      const proof = await api.ask('GET', `/records/${id}/proof`, { query: { tenant: orgOrNone } });
      if (out === undefined) return proof;
      writeFileSync(out, `${JSON.stringify(proof, null, 2)}\n`);
      return { record: id, file: out };
    }).option('--out <file>', 'write it there'),
  ),
  group(
    'audit',
    'the audit log',
    searchCommand(),
    apiCommand('checkpoint', 'the signed head of the log', ({ api }) => api.ask('GET', '/audit/checkpoint')),
    proofCommand('verify'),
  ),
];

/** Verifies a proof file, offline. */
function proofCommand(name: string): Command {
  return new Command(name)
    .description('verify a proof file, offline; exit code 1 when it does not hold')
    .argument('<file>')
    .addOption(new Option('--log-key <vkey>', "the log's key, as you know it").env('MIZAN_LOG_KEY'))
    .option('--witness <vkey...>', 'verifier keys of witnesses that you trust', [])
    .option('--json', 'print JSON')
    .action((file: string, { logKey, witness, json }: { logKey?: string; witness: readonly string[]; json?: boolean }) => reportProof(verifyOffline(readFileSync(file, 'utf8'), logKey, witness), json));
}
