import { Command, Option } from 'commander';
import { Wallet } from 'ethers';
import { payeeClaimText, payeeRegistrationCalls } from '#protocol';
import type { PayeeSubject } from '#protocol';
import { ApiClient } from './api-client.js';
import { printer } from './output.js';
import { keyGiven, walletKey } from './wallet-key.js';

/** Proves that the key's own address is to be paid for a machine or an organisation. Needs no account. Errors: the API's. */
export async function provePayee(apiUrl: string, key: string, subject: PayeeSubject): Promise<unknown> {
  const wallet = new Wallet(key);
  const api = new ApiClient(apiUrl, '');
  const path = `/payees/${wallet.address}/registration`;
  const { text, validUntil, chainId, escrow } = payeeRegistrationCalls.challenge.reply.parse(await api.ask('POST', `${path}/challenge`, { body: { subject } }));
  // What is signed is shown by the server: it must say what is meant.
  if (text !== payeeClaimText({ chainId, escrow, payee: wallet.address, subject, validUntil })) throw new Error('the server asks to sign something else than who is to be paid: nothing was signed');
  return api.ask('POST', path, { body: { subject, validUntil, signature: await wallet.signMessage(text) } });
}

interface Given {
  readonly api: string;
  readonly node?: string;
  readonly org?: string;
  readonly keyFile?: string;
  readonly json?: boolean;
}

/** `mizan payee prove`. */
export function payeeProveCommand(): Command {
  return new Command('prove')
    .description("prove that the key's own address is to be paid, for a machine or an organisation; no account is needed")
    .addOption(new Option('--api <url>', 'base URL of the API').env('MIZAN_API').makeOptionMandatory())
    .addOption(new Option('--node <id>', 'the machine that names the address').conflicts('org'))
    .option('--org <id>', 'the organisation')
    .option('--key-file <file>', "file with the address's private key, in hex (or MIZAN_WALLET_KEY); it only signs and is not sent")
    .option('--json', 'print JSON')
    .action(async ({ api, node, org, keyFile, json }: Given) => {
      const subject = node !== undefined ? { node } : org !== undefined ? { organisation: org } : undefined;
      if (subject === undefined) throw new Error('say for whom: --node <id> or --org <id>');
      printer(json)(await provePayee(api, walletKey(keyGiven(keyFile)), subject));
    });
}
