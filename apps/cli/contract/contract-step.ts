import { Command, Option } from 'commander';
import { printer } from '../output.js';
import { keyGiven } from '../wallet-key.js';
import type { ContractKind, ContractOptions, ContractSession } from './contract-session.js';

/** Options that every step has, beside the contract's own. */
export interface ContractGiven {
  readonly rpc: string;
  readonly record?: string;
  readonly keyFile?: string;
  readonly json?: boolean;
}

/** Name and meaning of an argument, such as `<amount>`. */
type Argument = readonly [string, string];
type MakeStep<Session, Given, Values extends unknown[]> = (name: string, summary: string, values: readonly Argument[], act: (session: Session, given: Given, ...values: Values) => Promise<object>) => Command;

/** What makes the steps of a command that works on one contract, with only an RPC endpoint. */
export function stepsOn<Session extends ContractSession, Given extends ContractGiven, Values extends unknown[]>(kind: ContractKind, open: (options: ContractOptions, sends: boolean) => Promise<Session>): MakeStep<Session, Given, Values> {
  return (name, summary, values, act) => {
    const command = new Command(name)
      .description(summary)
      .addOption(new Option('--rpc <url>', 'JSON-RPC endpoint of the chain').env('MIZAN_RPC_URL').makeOptionMandatory())
      .addOption(new Option(`--${kind.option} <address>`, 'the contract').env(kind.env))
      .option('--record <file>', 'deployment record that names the contract, instead')
      .option('--json', 'print JSON');
    for (const [value, says] of values) command.argument(value, says);
    return command.action(async (...parsed: unknown[]) => {
      const given = parsed[values.length] as Given;
      const address = command.getOptionValue(kind.option) as string | undefined;
      const { rpc, record, keyFile } = given;
      const session = await open({ rpc, ...(address === undefined ? {} : { address }), ...(record === undefined ? {} : { record }), ...keyGiven(keyFile) }, sends(command));
      try {
        printer(given.json)(await act(session, given, ...(parsed.slice(0, values.length) as Values)));
      } finally {
        session.provider.destroy();
      }
    });
  };
}

/** A step that sends a transaction. */
export const sending = (step: Command): Command => step.option('--key-file <file>', 'file with the private key that sends, in hex (or MIZAN_WALLET_KEY)');
const sends = (step: Command): boolean => step.options.some(({ long }) => long === '--key-file');
