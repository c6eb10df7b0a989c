import { Command } from 'commander';
import { bondsKind, openBonds } from './bond/bond-session.js';
import type { BondSession } from './bond/bond-session.js';
import { answer, appeal, close, collect, dispute, post, resolve, setTerms, showBond, showClaim, thaw, withdraw } from './bond/bond-steps.js';
import { sending, stepsOn } from './contract/contract-step.js';
import type { ContractGiven } from './contract/contract-step.js';

interface Given extends ContractGiven {
  readonly to?: string;
  readonly arbiter?: string;
  readonly court?: string;
  readonly claimMax?: string;
  readonly evidence?: string;
}

const step = stepsOn<BondSession, Given, string[]>(bondsKind, openBonds);

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
  for (const each of [...looks, ...acts.map(sending)]) command.addCommand(each);
  return command;
}

const paying = (command: Command): Command => command.option('--to <address>', "where the money goes (default: the key's own address)");
const evident = (command: Command): Command => command.requiredOption('--evidence <file>', 'its hash goes on chain; the file goes to the arbiter by other ways');
