import { Command, Option } from 'commander';
import { openBonds } from './bond/bond-session.js';
import type { BondSession } from './bond/bond-session.js';
import { answer, appeal, close, collect, dispute, post, resolve, setTerms, showBond, showClaim, thaw, withdraw } from './bond/bond-steps.js';
import { printer } from './output.js';

interface Given {
  readonly rpc: string;
  readonly bonds?: string;
  readonly record?: string;
  readonly keyFile?: string;
  readonly json?: boolean;
  readonly to?: string;
  readonly arbiter?: string;
  readonly court?: string;
  readonly claimMax?: string;
  readonly evidence?: string;
}

type Act = (session: BondSession, given: Given, ...values: string[]) => Promise<object>;

/** `mizan bond`: a provider's bond, and claims on it, with an RPC endpoint and one's own key. Amounts are of the token, such as 250 or 0.5. */
export function bondCommand(): Command {
  const command = new Command('bond').description("providers' bonds, and claims on them, with only an RPC endpoint; amounts are of the token, such as 250 or 0.5");
  const looks = [
    step('show', "a provider's bond and its terms", [['<provider>', 'address']], (session, _, provider) => showBond(session, provider)),
    step('claim', 'a claim, and until when who can do what', [['<claim>', 'what mizan bond dispute printed']], (session, _, id) => showClaim(session, id)),
  ];
  const acts = [
    step('terms', "names who rules on claims against the key's own bond, while that is empty", [], (session, given) => setTerms(session, { arbiter: given.arbiter!, court: given.court, claimMax: given.claimMax! }))
      .requiredOption('--arbiter <address>', 'rules on claims')
      .option('--court <address>', 'rules on appeals; left out: there are none')
      .requiredOption('--claim-max <amount>', 'the most that one claim may ask'),
    step('post', "adds to the key's own bond", [['<amount>', 'of the token']], (session, _, amount) => post(session, amount)),
    step('thaw', "asks the key's own bond back: it may leave after the thaw time, and is slashable until it has left", [['[amount]', 'of the token (default: all)']], (session, _, amount) => thaw(session, amount)),
    paying(step('withdraw', "takes what has thawed of the key's own bond", [], (session, { to }) => withdraw(session, to))),
    evident(step('dispute', 'claims a part of a bond; stakes a twentieth of it', [['<provider>', 'whose bond'], ['<amount>', 'what is asked']], (session, { evidence }, provider, amount) => dispute(session, { provider: provider, amount: amount, evidence: evidence! }))),
    evident(step('answer', "answers a claim on the key's own bond", [['<claim>', 'the claim']], (session, { evidence }, id) => answer(session, id, evidence!))),
    step('resolve', 'rules on a claim, as its arbiter, or as its court after an appeal', [['<claim>', 'the claim'], ['<amount>', 'what is granted; 0 rejects']], (session, _, id, amount) => resolve(session, id, amount)),
    step('appeal', 'asks the court; stakes as much as the claim did', [['<claim>', 'the claim']], (session, _, id) => appeal(session, id)),
    step('close', 'carries out what was ruled, once that is final; anybody may', [['<claim>', 'the claim']], (session, _, id) => close(session, id)),
    paying(step('collect', 'takes what a closed claim of the key has due', [['<claim>', 'the claim']], (session, { to }, id) => collect(session, id, to))),
  ];
  for (const each of acts) each.option('--key-file <file>', 'file with the private key that sends, in hex (or MIZAN_WALLET_KEY)');
  for (const each of [...looks, ...acts]) command.addCommand(each);
  return command;
}

function step(name: string, summary: string, values: readonly (readonly [string, string])[], act: Act): Command {
  const command = new Command(name)
    .description(summary)
    .addOption(new Option('--rpc <url>', 'JSON-RPC endpoint of the chain').env('MIZAN_RPC_URL').makeOptionMandatory())
    .addOption(new Option('--bonds <address>', 'the contract').env('MIZAN_BONDS'))
    .option('--record <file>', 'deployment record that names the contract, instead')
    .option('--json', 'print JSON');
  for (const [value, says] of values) command.argument(value, says);
  return command.action(async (...parsed: unknown[]) => {
    const given = parsed[values.length] as Given;
    const key = process.env['MIZAN_WALLET_KEY'];
    const { rpc, bonds, record, keyFile } = given;
    const sends = command.options.some(({ long }) => long === '--key-file');
    const session = await openBonds({ rpc, ...(bonds === undefined ? {} : { bonds }), ...(record === undefined ? {} : { record }), ...(keyFile === undefined ? {} : { keyFile }), ...(key === undefined ? {} : { key }) }, sends);
    try {
      printer(given.json)(await act(session, given, ...(parsed.slice(0, values.length) as string[])));
    } finally {
      session.provider.destroy();
    }
  });
}

const paying = (command: Command): Command => command.option('--to <address>', "where the money goes (default: the key's own address)");
const evident = (command: Command): Command => command.requiredOption('--evidence <file>', 'its hash goes on chain; the file goes to the arbiter by other ways');
