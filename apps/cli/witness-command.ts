import { mkdirSync } from 'node:fs';
import { Command, Option } from 'commander';
import { formatVerifierKey } from '#merkle';
import { knownLogs } from './witness/known-logs.js';
import { LastCheckpoints } from './witness/last-checkpoints.js';
import { onlyProcessOn } from './witness/one-process.js';
import { witnessKey } from './witness/witness-key.js';
import { serveWitness } from './witness/witness-server.js';
import { Witness } from './witness/witness.js';

interface Given {
  readonly dir: string;
  readonly name: string;
  readonly log: readonly string[];
  readonly host: string;
  readonly port: string;
}

/** `mizan witness`: cosigns the checkpoints of logs, each only when it continues what was cosigned before. */
export function witnessCommand(): Command {
  return new Command('witness')
    .description('run a witness: cosigns checkpoints of logs that only grow (C2SP tlog-witness)')
    .requiredOption('--dir <directory>', 'where its key and what it has cosigned are kept')
    .requiredOption('--name <name>', 'name of the witness, as a URL without scheme that is yours')
    .requiredOption('--log <vkey...>', 'verifier keys of the logs that it knows')
    .addOption(new Option('--host <address>', 'address to listen on').default('127.0.0.1'))
    .addOption(new Option('--port <port>', 'port to listen on; 0 takes a free one').default('7090'))
    .action(async ({ dir, name, log, host, port }: Given) => {
      const logs = knownLogs(log);
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      const free = onlyProcessOn(dir);
      try {
        const cosigner = await witnessKey(dir, name);
        const key = formatVerifierKey(cosigner.key);
        const witness = new Witness(logs, new LastCheckpoints(dir), cosigner, () => Math.floor(Date.now() / 1_000));
        const server = await serveWitness(witness, key, { host, port: Number(port) }, (line) => console.log(line));
        console.log(`witness ${key}\nlistens on ${server.url}`);
        await new Promise<void>((resolve) => {
          for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve);
        });
        await server.close();
      } finally {
        free();
      }
    });
}
