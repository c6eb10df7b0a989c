import { Command, Option } from 'commander';
import { Wallet } from 'ethers';
import { payeeDisputeText } from '#protocol';
import { ApiClient } from './api-client.js';
import { printer } from './output.js';
import { keyGiven, walletKey } from './wallet-key.js';

/** Disputes what a statement paid the key's own address. Needs no account. Errors: the API's. */
export async function disputeAsPayee(apiUrl: string, key: string, statement: string, reason: string, nowMs: number): Promise<unknown> {
  const wallet = new Wallet(key);
  // As the server reads it, or the signature would be over another text.
  const words = reason.trim();
  const signature = await wallet.signMessage(payeeDisputeText(wallet.address, statement, words, nowMs));
  return new ApiClient(apiUrl, '').ask('POST', `/payees/${wallet.address}/disputes`, { body: { statement, reason: words, signedAtMs: nowMs, signature } });
}

/** `mizan payee dispute`. */
export function payeeDisputeCommand(): Command {
  return new Command('dispute')
    .description("dispute what a statement paid the key's own address: its payer pays it nothing more until the operator resolved it; no account is needed")
    .argument('<statement>', 'id of the statement')
    .argument('<reason>', 'what is wrong with it')
    .addOption(new Option('--api <url>', 'base URL of the API').env('MIZAN_API').makeOptionMandatory())
    .option('--key-file <file>', "file with the address's private key, in hex (or MIZAN_WALLET_KEY); it only signs and is not sent")
    .option('--json', 'print JSON')
    .action(async (statement: string, reason: string, { api, keyFile, json }: { readonly api: string; readonly keyFile?: string; readonly json?: boolean }) => {
      printer(json)(await disputeAsPayee(api, walletKey(keyGiven(keyFile)), statement, reason, Date.now()));
    });
}
