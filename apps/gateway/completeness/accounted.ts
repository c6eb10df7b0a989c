import { addsUp, countState, decisionState, openQuestions } from '#protocol';
import type { AccountedDecision, CompletenessSum, InvoicedSum, LoggedDecision, PostedCharge } from '#protocol';

/** Questions that one answer names; the listing by state has all of them. */
const questionsMax = 100;

/** What the log says of decisions beside what the books say of them. */
export function accounted(decisions: readonly LoggedDecision[], charges: readonly PostedCharge[], nowMs: number): AccountedDecision[] {
  const chargeOf = new Map(charges.map((charge) => [charge.record, charge]));
  return decisions.map((decision) => {
    const charge = decision.isPaid ? chargeOf.get(decision.record) : undefined;
    return { ...decision, state: decisionState(decision, charge, nowMs), counted: countState(decision, nowMs), charge: charge ?? null };
  });
}

export const isQuestion = ({ state, counted }: Pick<AccountedDecision, 'state' | 'counted'>): boolean => openQuestions.has(state) || openQuestions.has(counted);

/** Adds decisions up as they come. */
export class DecisionSums {
  private decisions = 0;
  private readonly states: CompletenessSum['states'] = {};
  private readonly counted: CompletenessSum['counted'] = {};
  private readonly runs = new Map<string, CompletenessSum['runs'][number]>();
  private readonly questions: AccountedDecision[] = [];

  take(found: readonly AccountedDecision[]): void {
    for (const decision of found) {
      this.decisions += 1;
      const { decisions, chargeNanos } = this.states[decision.state] ?? { decisions: 0, chargeNanos: 0n };
      this.states[decision.state] = { decisions: decisions + 1, chargeNanos: chargeNanos + (decision.charge?.amountNanos ?? 0n) };
      this.counted[decision.counted] = (this.counted[decision.counted] ?? 0) + 1;
      this.takeNumber(decision);
      if (isQuestion(decision) && this.questions.length < questionsMax) this.questions.push(decision);
    }
  }

  told(invoices: readonly InvoicedSum[]): Pick<CompletenessSum, 'decisions' | 'states' | 'counted' | 'runs' | 'questions' | 'invoices'> {
    const { decisions, states, counted, questions } = this;
    return { decisions, states, counted, runs: [...this.runs.values()], questions, invoices: invoices.map((invoice) => ({ ...invoice, addsUp: addsUp(invoice) })) };
  }

  private takeNumber({ number }: AccountedDecision): void {
    if (number === null) return;
    const { gateway, run, number: at } = number;
    const known = this.runs.get(run) ?? { gateway, run, decisions: 0, firstNumber: at, lastNumber: at };
    this.runs.set(run, { ...known, decisions: known.decisions + 1, firstNumber: Math.min(known.firstNumber, at), lastNumber: Math.max(known.lastNumber, at) });
  }
}
