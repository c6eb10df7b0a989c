import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { openEscrow } from '../contract/escrow-session.js';
import type { EscrowSession } from '../contract/escrow-session.js';
import { printer } from '../output.js';
import { keyGiven } from '../wallet-key.js';
import { exit, exitCall } from './exit.js';
import { readStatementFile } from './settle-session.js';
import { unitsAsText } from './units-as-text.js';

interface Given {
  readonly rpc: string;
  readonly escrow?: string;
  readonly record?: string;
  readonly keyFile?: string;
  readonly calldata?: string;
  readonly to?: string;
  readonly json?: boolean;
}

/** `mizan settle exit`: a payer needs no file of Mizan's to leave, only to know where its deposit is. */
export function exitCommand(): Command {
  return new Command('exit')
    .description("take the key's own deposit out: asks for it, and after the thaw takes it; run it again until it is empty")
    .argument('[file]', 'any statement file of the payer, which names chain and escrow; or --escrow or --record')
    .addOption(new Option('--rpc <url>', 'JSON-RPC endpoint of the chain').env('MIZAN_RPC_URL').makeOptionMandatory())
    .addOption(new Option('--escrow <address>', 'the escrow, as the deposit transaction names it').env('MIZAN_ESCROW'))
    .option('--record <file>', 'deployment record that names the escrow, instead')
    .option('--key-file <file>', "file with the payer's private key, in hex (or MIZAN_WALLET_KEY)")
    .option('--calldata <payer>', 'send nothing and need no key: print the next transaction of this payer, for a hardware wallet or a wallet that is a contract')
    .option('--to <address>', "where the money goes (default: the payer's own address)")
    .option('--json', 'print JSON')
    .action(async (path: string | undefined, given: Given) => {
      const session = await open(path, given);
      try {
        printer(given.json)(unitsAsText(given.calldata === undefined ? await exit(session, given.to) : await exitCall(session, given.calldata, given.to)));
      } finally {
        session.provider.destroy();
      }
    });
}

/** Errors: a file and another place are both named; else as of {@link openEscrow}. */
async function open(path: string | undefined, { rpc, escrow, record, keyFile, calldata }: Given): Promise<EscrowSession> {
  const keys = keyGiven(keyFile);
  const sends = calldata === undefined;
  if (path === undefined) return openEscrow({ rpc, ...keys, ...(escrow === undefined ? {} : { address: escrow }), ...(record === undefined ? {} : { record }) }, sends);
  const file = readStatementFile(readFileSync(path, 'utf8'));
  if (record !== undefined) throw new Error('name the escrow once: by a statement file, or by --record');
  if (escrow !== undefined && escrow.toLowerCase() !== file.escrow.toLowerCase()) throw new Error(`the statement is for the escrow ${file.escrow}, and --escrow (or MIZAN_ESCROW) names ${escrow}: name one`);
  return openEscrow({ rpc, ...keys, address: file.escrow, chainId: file.chainId }, sends);
}
