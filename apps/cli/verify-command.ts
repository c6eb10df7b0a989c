import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { defaultRunFile } from './settings.js';
import { look } from './verify/look.js';
import { verifyOffline } from './verify/offline-proof.js';
import { reportInvariants, reportProof } from './verify/report.js';
import { targetsOf } from './verify/targets.js';
import type { TargetOptions } from './verify/targets.js';

const option = (flags: string, description: string, env: string): Option => new Option(flags, description).env(env);

/** `mizan verify`: the invariants from outside, or one proof file offline. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('check the six invariants of a deployment from outside; exit code 1 when one is broken')
    .option('--proof <file>', "verify a record's proof file instead, offline")
    .option('--run <file>', `run file of a local stack (default: ${defaultRunFile})`)
    .addOption(option('--database <url>', 'Postgres, as the role that only reads', 'MIZAN_VERIFY_DATABASE_URL'))
    .addOption(option('--nats <url>', 'NATS', 'MIZAN_VERIFY_NATS_URL'))
    .addOption(option('--nats-creds <file>', 'credential that reads stream states', 'MIZAN_VERIFY_NATS_CREDS'))
    .addOption(option('--rpc <url>', 'JSON-RPC endpoint of the chain', 'MIZAN_VERIFY_RPC_URL'))
    .addOption(option('--chain-id <id>', 'id of the chain', 'MIZAN_VERIFY_CHAIN_ID'))
    .addOption(option('--escrow <address>', 'the escrow contract', 'MIZAN_VERIFY_ESCROW'))
    .addOption(option('--api <url>', 'the API, for the signed checkpoint', 'MIZAN_API'))
    .addOption(option('--key <key>', 'API key that may read proofs', 'MIZAN_KEY'))
    .addOption(option('--log-key <vkey>', "the log's key, as you know it", 'MIZAN_LOG_KEY'))
    .option('--witness <vkey...>', 'with --proof: verifier keys of witnesses that you trust', [])
    .option('--patience <seconds>', 'how long facts may be on their way between services', '10')
    .option('--json', 'print JSON')
    .action(async (given: TargetOptions & { proof?: string; logKey?: string; witness: readonly string[]; patience: string; json?: boolean }) => {
      if (given.proof !== undefined) return reportProof(verifyOffline(readFileSync(given.proof, 'utf8'), given.logKey, given.witness), given.json);
      const patienceMs = Number(given.patience) * 1_000;
      if (!(patienceMs >= 0)) throw new Error('--patience is a number of seconds');
      reportInvariants(await look(targetsOf(given, defaultRunFile), { patienceMs, logKey: given.logKey }), given.json);
    });
}
