import { Command } from 'commander';
import { sending, stepsOn } from './contract/contract-step.js';
import type { ContractGiven } from './contract/contract-step.js';
import { escrowKind, openEscrow } from './contract/escrow-session.js';
import type { EscrowSession } from './contract/escrow-session.js';
import { changeDelegate, changePayees, setLimits, showDelegate } from './delegate/delegate-steps.js';

type Values = (string | string[])[];

const step = stepsOn<EscrowSession, ContractGiven, Values>(escrowKind, openEscrow);

const list = (value: string | string[]): string[] => (Array.isArray(value) ? value : [value]);

/** `mizan delegate`: what a payer's hot keys may sign, with an RPC endpoint and the payer's own key. Amounts are of the token, such as 250 or 0.5. */
export function delegateCommand(): Command {
  const command = new Command('delegate').description("which keys may sign a payer's statements, and within what, with only an RPC endpoint; what gives them more begins after the thaw time, or at once without a deposit");
  const payees: [string, string] = ['<payees...>', 'their addresses; they are registered'];
  const acts = [
    step('add', "lets a key sign the own key's statements", [['<delegate>', 'its address']], (session, _, delegate) => changeDelegate(session, 'addDelegate', delegate as string)),
    step('revoke', 'ends that when the thaw time is over; until then it can sign new statements within the limits, which `limits 0 SECONDS` or `drop` stop at once', [['<delegate>', 'its address']], (session, _, delegate) => changeDelegate(session, 'revokeDelegate', delegate as string)),
    step('limits', 'what one statement of a delegate may credit at most, and how long it is between two', [['<amount>', 'of the token'], ['<seconds>', 'between two statements']], (session, _, cap, seconds) => setLimits(session, cap as string, seconds as string)),
    step('allow', 'lets delegates pay these payees; of others that wait for the thaw time and stand in the same 256, the time begins again', [payees], (session, _, of) => changePayees(session, 'allowPayees', session.wallet!.address, list(of))),
    step('drop', 'ends that, at once', [payees], (session, _, of) => changePayees(session, 'dropPayees', session.wallet!.address, list(of))),
    step('admit', 'admits payees that a payer has announced, once the thaw time is over; anybody may', [['<payer>', 'its address'], payees], (session, _, payer, of) => changePayees(session, 'admit', payer as string, list(of))),
  ];
  const look = step('show', 'how a delegate stands, its limits, and whether it may pay these payees', [['<payer>', 'its address'], ['<delegate>', 'its address'], ['[payees...]', 'addresses']], (session, _, payer, delegate, of) => showDelegate(session, payer as string, delegate as string, list(of ?? [])));
  for (const each of [look, ...acts.map(sending)]) command.addCommand(each);
  return command;
}
