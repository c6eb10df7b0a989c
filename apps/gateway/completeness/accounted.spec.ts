import { describe, expect, it } from '@jest/globals';
import { chargePatienceMs, endPatienceMs, isPaidDecision } from '#protocol';
import type { LoggedDecision, PostedCharge } from '#protocol';
import { uuidOf } from '../examples.js';
import { accounted, DecisionSums, isQuestion } from './accounted.js';

const nowMs = 1_800_000_000_000;
const decision = (n: number, more: Partial<LoggedDecision> = {}): LoggedDecision => ({
  ...{ index: n, record: uuidOf(n), type: 'admitted', isPaid: true, timeMs: nowMs - 10 * endPatienceMs, number: { gateway: 'gw-1', run: uuidOf(99), number: n }, count: { index: 500, confirmed: true, other: null } },
  end: { index: n + 1, type: 'completed', timeMs: nowMs - 10 * endPatienceMs, chargeNanos: 7n },
  ...more,
});
const charge = (n: number, more: Partial<PostedCharge> = {}): PostedCharge => ({ record: uuidOf(n), chargedAtMs: 1, amountNanos: 7n, outcome: 'ok', invoice: { id: uuidOf(50), number: 'A-1' }, lackedBy: null, line: { name: 'm', detail: '' }, ...more });
const stateOf = (one: LoggedDecision, charges: PostedCharge[] = [charge(one.index)]): string[] => accounted([one], charges, nowMs).map(({ state, counted }) => (counted === 'counted' ? state : `${state} ${counted}`));

describe('a decision', () => {
  it('has one state, by its end, its charge and its invoice', () => {
    expect(stateOf(decision(1))).toEqual(['invoiced']);
    expect(stateOf(decision(1), [charge(1, { invoice: null })])).toEqual(['charged']);
    expect(stateOf(decision(1), [charge(1, { invoice: null, lackedBy: 'A-1' })])).toEqual(['not_invoiced']);
    expect(stateOf(decision(1), [charge(1, { amountNanos: 8n })])).toEqual(['charge_differs']);
    expect(stateOf(decision(1, { end: { index: 2, type: 'completed', timeMs: 0, chargeNanos: null } }), [charge(1, { amountNanos: 8n })])).toEqual(['invoiced']);
    expect(stateOf(decision(1), [])).toEqual(['charge_missing']);
    expect(stateOf(decision(1, { end: { index: 2, type: 'completed', timeMs: nowMs - chargePatienceMs, chargeNanos: 7n } }), [])).toEqual(['open']);
    expect(stateOf(decision(1, { end: { index: 2, type: 'voided', timeMs: 0, chargeNanos: 0n } }), [charge(1, { amountNanos: 0n, invoice: null })])).toEqual(['voided']);
    expect(stateOf(decision(1, { end: null }))).toEqual(['end_missing']);
    expect(stateOf(decision(1, { end: null, timeMs: nowMs - endPatienceMs }))).toEqual(['open']);
    expect(stateOf(decision(1, { type: 'refused', isPaid: false, end: null }))).toEqual(['refused']);
    expect(stateOf(decision(1, { type: 'reused', isPaid: false, end: null }))).toEqual(['reused']);
    expect(stateOf(decision(1, { type: 'reused' }))).toEqual(['invoiced']);
    expect(stateOf(decision(1, { type: 'reused' }), [])).toEqual(['charge_missing']);
    expect([isPaidDecision('reused', { chargeNanos: '5' }), isPaidDecision('reused', { chargeNanos: '0' }), isPaidDecision('reused', null), isPaidDecision('refused', { chargeNanos: '5' }), isPaidDecision('admitted', null)]).toEqual([true, false, false, false, true]);
  });

  it('is counted, or it is said why not', () => {
    expect(stateOf(decision(1, { count: null }))).toEqual(['invoiced missing']);
    expect(stateOf(decision(1, { count: null, timeMs: nowMs - 300_000 }))).toEqual(['invoiced not_yet']);
    expect(stateOf(decision(1, { number: null, count: null }))).toEqual(['invoiced unnumbered']);
    expect(stateOf(decision(1, { count: { index: 5, confirmed: false, other: null } }))).toEqual(['invoiced unconfirmed']);
    expect(stateOf(decision(1, { count: { index: 5, confirmed: true, other: uuidOf(3) } }))).toEqual(['invoiced other_record']);
  });

  it('is in the sums once, and named when it is a question', () => {
    const sums = new DecisionSums();
    const found = accounted([decision(3), decision(5), decision(8, { type: 'refused', isPaid: false, end: null }), decision(9)], [charge(3), charge(5)], nowMs);
    sums.take(found);
    const invoice = { id: uuidOf(50), number: 'A-1', periodFromMs: 0, periodToMs: 1, usageNanos: 14n, charges: 2, chargesNanos: 13n, adjustmentsNanos: 1n, termsNanos: 0n };
    expect(sums.told([invoice, { ...invoice, chargesNanos: 12n }, { ...invoice, usageNanos: null, number: null }])).toMatchObject({
      decisions: 4,
      states: { invoiced: { decisions: 2, chargeNanos: 14n }, refused: { decisions: 1, chargeNanos: 0n }, charge_missing: { decisions: 1, chargeNanos: 0n } },
      counted: { counted: 4 },
      runs: [{ gateway: 'gw-1', decisions: 4, firstNumber: 3, lastNumber: 9 }],
      questions: [{ record: uuidOf(9), state: 'charge_missing' }],
      invoices: [{ addsUp: true }, { addsUp: false }, { addsUp: true }],
    });
    expect(found.filter(isQuestion)).toHaveLength(1);
  });
});
