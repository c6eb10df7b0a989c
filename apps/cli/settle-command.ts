import { Command, Option } from 'commander';
import { printer } from './output.js';
import { exitCommand } from './settle/exit-command.js';
import { fetchCommand } from './settle/fetch-command.js';
import { openSession } from './settle/settle-session.js';
import type { SettleSession } from './settle/settle-session.js';
import { submit } from './settle/submit.js';
import { unitsAsText } from './settle/units-as-text.js';
import { withdraw } from './settle/withdraw.js';
import { keyGiven } from './wallet-key.js';

interface Given {
  readonly rpc: string;
  readonly keyFile?: string;
  readonly to?: string;
  readonly json?: boolean;
}

/** `mizan settle`: what payees and payers can do with a statement file, an RPC endpoint and their own key, though Mizan is gone. */
export function settleCommand(): Command {
  const command = new Command('settle').description('put statements on chain, withdraw and exit with only an RPC endpoint');
  command.addCommand(step('submit', 'put a signed statement on chain; anybody may', (session) => submit(session)));
  command.addCommand(step('withdraw', "pay the key's own address, a payee, what the statement's payer credited to it", withdraw, true));
  command.addCommand(exitCommand());
  command.addCommand(fetchCommand());
  return command;
}

function step(name: string, summary: string, act: (session: SettleSession, to: string | undefined) => Promise<object>, pays = false): Command {
  const command = new Command(name)
    .description(summary)
    .argument('<file>', 'statement file, as GET /v1/settlements/{id}/statement gives it')
    .addOption(new Option('--rpc <url>', 'JSON-RPC endpoint of the chain').env('MIZAN_RPC_URL').makeOptionMandatory())
    .option('--key-file <file>', 'file with the private key that sends, in hex (or MIZAN_WALLET_KEY)')
    .option('--json', 'print JSON');
  if (pays) command.option('--to <address>', "where the money goes (default: the key's own address)");
  return command.action(async (path: string, { rpc, keyFile, to, json }: Given) => {
    const session = await openSession(path, { rpc, ...keyGiven(keyFile) });
    try {
      printer(json)(unitsAsText(await act(session, to)));
    } finally {
      session.provider.destroy();
    }
  });
}
