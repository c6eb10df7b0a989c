import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { Wallet } from 'ethers';
import { z } from 'zod';
import { nonCustodyCalls, payeeProofText, statementFile } from '#protocol';
import { ApiClient } from '../api-client.js';
import { replaceFile } from '../durable-file.js';
import { printer } from '../output.js';
import { keyGiven, walletKey } from '../wallet-key.js';

export interface Fetched {
  readonly payee: string;
  /** Files that were written now. */
  readonly statements: readonly string[];
  /** Files of statements that can land no more, as the service says. */
  readonly voided: readonly string[];
  readonly exposure: unknown;
}

/** Brings every statement that pays the key's address into a directory, and shows what is not settled yet. Needs no account. Errors: the API's. */
export async function fetchStatements(apiUrl: string, key: string, directory: string): Promise<Fetched> {
  const wallet = new Wallet(key);
  const api = new ApiClient(apiUrl, '');
  const signedAtMs = Date.now();
  const proof = { signedAtMs, signature: await wallet.signMessage(payeeProofText(wallet.address, signedAtMs)) };
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const statements: string[] = [];
  let voided: readonly number[] = [];
  for (let after = 0, hasMore = true; hasMore; ) {
    const page = z.decode(nonCustodyCalls.handedStatements.reply, (await api.ask('POST', `/payees/${wallet.address}/handed-statements`, { body: { ...proof, after } })) as never);
    for (const { number, file } of page.data) {
      const path = join(directory, `${padded(number)}-${file.statement.payer}.json`);
      after = number;
      if (existsSync(path)) continue;
      await replaceFile(path, `${JSON.stringify(z.encode(statementFile, file), null, 2)}\n`);
      statements.push(path);
    }
    hasMore = page.hasMore;
    voided = page.voided ?? [];
  }
  const names = readdirSync(directory).filter((name) => name.endsWith('.json'));
  const { data } = (await api.ask('POST', `/payees/${wallet.address}/exposure`, { body: proof })) as { data: unknown };
  return { payee: wallet.address, statements, voided: voided.flatMap((number) => names.filter((name) => name.startsWith(padded(number)))).map((name) => join(directory, name)), exposure: data };
}

const padded = (number: number): string => String(number).padStart(12, '0');

interface Given {
  readonly api: string;
  readonly out: string;
  readonly keyFile?: string;
  readonly json?: boolean;
}

/** `mizan settle fetch`: while Mizan is there, get what is needed once it is not. */
export function fetchCommand(): Command {
  return new Command('fetch')
    .description("bring every signed statement that pays the key's address into a directory, and show what is not settled yet; no account is needed")
    .addOption(new Option('--api <url>', 'base URL of the API').env('MIZAN_API').makeOptionMandatory())
    .requiredOption('--out <directory>', 'where the statement files go')
    .option('--key-file <file>', "file with the payee's private key, in hex (or MIZAN_WALLET_KEY); it only signs a proof and is not sent")
    .option('--json', 'print JSON')
    .action(async ({ api, out, keyFile, json }: Given) => {
      printer(json)(await fetchStatements(api, walletKey(keyGiven(keyFile)), out));
    });
}
