import { Command, Option } from 'commander';
import { ownWallet } from './keys/wallet.js';
import { withdraw } from './payout/withdraw.js';

/** `mizan-node withdraw`: takes what was earned out of the escrow with the node's own wallet. */
export function withdrawCommand(): Command {
  return new Command('withdraw')
    .description("take this node's earnings out of the escrow")
    .addOption(new Option('--dir <path>', 'directory of the node').env('MIZAN_NODE_DIR').makeOptionMandatory())
    .addOption(new Option('--rpc <url>', 'JSON-RPC endpoint of the chain').env('MIZAN_NODE_RPC').makeOptionMandatory())
    .addOption(new Option('--escrow <address>', 'the escrow contract').env('MIZAN_NODE_ESCROW').makeOptionMandatory())
    .option('--to <address>', "where to; the wallet's own address when left out")
    .option('--payer <address...>', 'only from these payers; all who ever settled when left out')
    .option('--json', 'print JSON')
    .action(async (given: { dir: string; rpc: string; escrow: string; to?: string; payer?: string[]; json?: boolean }) => {
      const taken = await withdraw({
        rpcUrl: given.rpc,
        escrow: given.escrow,
        wallet: ownWallet(given.dir),
        ...(given.to === undefined ? {} : { to: given.to }),
        ...(given.payer === undefined ? {} : { payers: given.payer }),
      });
      const units = taken.units.toString();
      console.log(given.json === true ? JSON.stringify({ ...taken, units }) : `withdrew ${units} units to ${taken.to} in ${taken.tx}`);
    });
}
