import { describe, expect, it } from '@jest/globals';
import { reportOf } from './report.js';
import type { Outcome } from './report.js';
import { plainWords, renderTable } from './table.js';

const outcome: Outcome = {
  requests: { total: 600, ok: 548, refused: 52, failedOver: 3 },
  accuracy: 0.942_03,
  heldOut: 138,
  routes: [
    { dataClass: 'confidential', node: 'frankfurt', region: 'eu-frankfurt', pricePerMillionNanos: 20_000_000n, count: 120, chargedNanos: 1_234_000n },
    { dataClass: 'internal', node: 'riyadh', region: 'me-riyadh', pricePerMillionNanos: 8_000_000n, count: 9, chargedNanos: 99n },
  ],
  refusals: [{ policy: 'bank.refused-senders', reason: 'Not to be given away.', count: 52 }],
  killed: { name: 'frankfurt', afterAnswers: 240 },
  budgetNanos: 5_000_000_000n,
  spentNanos: 1_234_099n,
  costs: { file: 'out/focus.csv', rows: 2, billedNanos: 1_234_099n },
  bill: { number: 'SAMPLE-2026-00001', currency: 'EUR', grossMinor: 0n, usageNanos: 1_234_099n, files: ['out/invoice.pdf', 'out/invoice.xml'] },
  accounts: [{ payee: '0x01', name: 'frankfurt', file: 'out/statement-frankfurt.pdf', earnedNanos: 1_234_000n, owedNanos: 99n }],
  alone: { submitted: { sent: true, payees: 4, tx: '0xcc' }, withdrawn: { payee: '0x05', units: 77n, tx: '0xdd' }, exited: { asked: true, taken: true, units: 99n, tx: '0xee' } },
  bought: { payer: '0x06', payTo: '0x07', amount: 17n, tx: '0xff', record: 'r7', dimensions: 512 },
  settled: { statement: 's1', kept: { node: 'frankfurt', file: 'nodes/frankfurt/statements/1.json', keyFile: 'nodes/frankfurt/wallet.key' }, epochGas: 438_400n, tx: '0xaa', payouts: [{ payee: '0x01', payeeName: 'frankfurt', amount: '0.001234', token: '0x02', tx: '0xbb' }] },
  savings: {
    ...{ tenant: 't', fromMs: 0, toMs: 1, tableHash: 'ab', tableFrom: 'operator', paidNanos: 1_234_099n, baselineNanos: 1_200_000n, verdict: 'dearer', caveats: [] },
    rows: [
      {
        ...{ model: 'embed', requests: 548, inputTokens: 60_000, outputTokens: 0, paidNanos: 1_234_099n, isSame: false, note: 'another model', baselineNanos: 1_200_000n, verdict: 'dearer' },
        baseline: { provider: 'OpenAI', model: 'small', region: 'global', inputNanosPerMillion: 20_000_000n, outputNanosPerMillion: null, asOf: '2026-08-21', validFrom: null, validTo: null, status: 'secondary', source: 'a page' },
      },
    ],
    beside: [{ what: 'gas', quantity: '9 wei in 1 transactions', nanos: null, explanation: 'paid' }],
  },
  invariants: [
    { name: 'ledger', holds: true, detail: 'sums to zero' },
    { name: 'log', holds: false, detail: 'entry 17 was changed' },
  ],
  close: {
    ...{ number: 1, record: 'r9', closedAtMs: 1, logSize: 100, trialBalanceHash: 'ab', charges: 548, chargedNanos: 1_234_099n, carried: 0, openClaims: 2, unusualSpend: 0, block: 31, differences: 1 },
    named: [{ kind: 'receipt_missing', subject: 'r1', detail: 'done and charged without a receipt' }],
  },
  proofs: [{ id: 'r1', file: 'proof-r1.json', entries: [{ type: 'admitted', index: 7 }, { type: 'completed', index: 9 }], size: 100, genuine: { result: 'valid', checks: 18, broken: [], network: 'with the network off' }, changed: { result: 'invalid', checks: 18, broken: ['entry 7'], network: 'with the network off' } }],
  seconds: 31.4,
};

describe('the table', () => {
  const lines = renderTable(outcome);
  const text = lines.join('\n');

  it('says first, plainly, what the figures are not', () => {
    expect(lines.slice(0, plainWords.length)).toEqual([...plainWords]);
    expect(plainWords.join(' ')).toMatch(/one computer.*labels.*test money.*not independence/);
  });

  it('shows requests, routes with prices, refusals, failover, cost, payouts and proofs', () => {
    for (const part of ['600 sent in 31 s, 548 answered, 52 refused, 3 moved', ', 0 lost', '94.2 % of 138', '0.001234099 USD of a budget of 5 USD', '0.001234099 USD in the 2 lines of the FOCUS file out/focus.csv', '0.001234099 USD in the invoice SAMPLE-2026-00001 of 0.00 EUR (out/invoice.pdf, out/invoice.xml); less than half a cent', 'statement of frankfurt: 0.001234 USD earned, 0.000000099 still owed (out/statement-frankfurt.pdf)', 'embed: dearer than 0.0012 USD, the list price of OpenAI small of 2026-08-21', 'gas beside that: 9 wei in 1 transactions, in no sum', '0xbb', '0xaa: 438400 gas for 548 receipts, 800.0 a receipt', 'the statement as frankfurt keeps it (nodes/frankfurt/statements/1.json)', 'submitted the statement for 4 payees (0xcc)', '0x05 withdrew 77 units (0xdd)', 'took its other 99 units out (0xee)', '17 base units from 0x06 in 0xff (record r7)', 'admitted is entry 7, completed is entry 9 of 100', 'valid by 18 checks in another process, with the network off', 'with one byte changed: invalid (entry 7)', 'killed (-9) after 240']) expect(text).toContain(part);
    expect(text).toMatch(/bank\.refused-senders +52 +Not to be given away\./);
  });

  it('says so when a request was refused by two policies', () => {
    expect(text).not.toContain('counts for both');
    const both = [...outcome.refusals, { policy: 'other', reason: 'Neither.', count: 1 }];
    expect(renderTable({ ...outcome, refusals: both }).join('\n')).toContain('counts for both');
  });

  it('lines its columns up', () => {
    const start = lines.findIndex((line) => line === 'Where it ran');
    expect(lines.slice(start + 1, start + 4)).toEqual([
      '  class          machine     region         requests   USD per 1M tokens           USD',
      '  confidential   frankfurt   eu-frankfurt        120                0.02      0.001234',
      '  internal       riyadh      me-riyadh             9               0.008   0.000000099',
    ]);
  });

  it('says whether the close of the books is clean, and names what is not', () => {
    expect(text).toContain('close 1: 548 charges of 0.001234099 USD up to entry 100');
    expect(text).toContain('receipt_missing r1: done and charged without a receipt');
    expect(text).toContain('2 receipts that no charge supports');
    expect(text).not.toContain('clean:');
    expect(renderTable({ ...outcome, close: { ...outcome.close, differences: 0, named: [] } }).join('\n')).toContain('clean: ledger');
  });

  it('names a broken invariant as broken', () => {
    expect(text).toContain('holds   ledger: sums to zero');
    expect(text).toContain('BROKEN  log: entry 17 was changed');
  });
});

describe('the report', () => {
  it('has the documented shape, with amounts as decimal text', () => {
    expect(reportOf(outcome)).toEqual({
      requests: { total: 600, ok: 548, refused: 52, failedOver: 3 },
      accuracy: 0.942,
      routes: [
        { class: 'confidential', node: 'frankfurt', region: 'eu-frankfurt', count: 120, price: '0.02' },
        { class: 'internal', node: 'riyadh', region: 'me-riyadh', count: 9, price: '0.008' },
      ],
      refusals: [{ policy: 'bank.refused-senders', count: 52 }],
      budget: '5',
      spent: '0.001234099',
      costs: { file: 'out/focus.csv', rows: 2, billed: '0.001234099' },
      invoice: { number: 'SAMPLE-2026-00001', gross: '0.00 EUR', usage: '0.001234099', files: ['out/invoice.pdf', 'out/invoice.xml'] },
      statements: [{ payee: '0x01', file: 'out/statement-frankfurt.pdf', earned: '0.001234', owed: '0.000000099' }],
      compared: { verdict: 'dearer', paid: '0.001234099', baseline: '0.0012' },
      payouts: [{ payee: '0x01', amount: '0.001234', token: '0x02', tx: '0xbb' }],
      gas: { epoch: '438400', receipts: 548, perReceipt: '800.0' },
      withoutMizan: { statement: 'nodes/frankfurt/statements/1.json', submitted: '0xcc', withdrawn: '77', exited: '99' },
      x402: { payer: '0x06', amount: '17', tx: '0xff', record: 'r7' },
      invariants: [
        { name: 'ledger', holds: true, detail: 'sums to zero' },
        { name: 'log', holds: false, detail: 'entry 17 was changed' },
      ],
      close: { number: 1, charges: 548, charged: '0.001234099', differences: 1 },
      records: [{ id: 'r1', proofFile: 'proof-r1.json', result: 'valid', changedByte: 'invalid' }],
    });
  });
});
