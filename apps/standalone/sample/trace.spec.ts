import { describe, expect, it } from '@jest/globals';
import type { ReplyOf, governanceCalls, RecordType } from '#protocol';
import { toTrace } from './trace.js';

type Reply = ReplyOf<typeof governanceCalls.getRecord>;
const id = '0198c0de-0000-7000-8000-000000000001';
const node = '0198c0de-0000-7000-8000-00000000000a';
const other = '0198c0de-0000-7000-8000-00000000000b';

const entry = (type: RecordType, fields: Record<string, unknown>): Reply['entries'][number] => ({ index: 1, id, type, timeMs: 1, tenant: null, envelope: '', body: { secret: '', fields: fields as never } });
const decision = { dataClass: 'confidential', findings: [{ kind: 'email', count: 2 }], policies: [{ id: 'p', reason: 'because' }], permittedOffers: 2, decision: 'permit' };
const completion = (attempts: object[]): Record<string, unknown> => ({ node, outcome: 'ok', chargeNanos: '1200', attempts, machine: { name: 'frankfurt', region: 'eu-frankfurt' }, price: { inputNanosPerMillion: '20000000' } });
const attempt = (at: string, outcome: string): object => ({ offer: at, node: at, outcome });

describe("a request's trace", () => {
  it('tells where the request ran, at which price, and that it moved', () => {
    const trace = toTrace({ id, entries: [entry('admitted', decision), entry('completed', completion([attempt(other, 'unreachable'), attempt(node, 'ok')]))] });
    expect(trace).toEqual({
      record: id,
      dataClass: 'confidential',
      personalData: true,
      permittedOffers: 2,
      refusedBy: [],
      ran: { node, nodeName: 'frankfurt', region: 'eu-frankfurt', pricePerMillionNanos: 20_000_000n, chargeNanos: 1_200n },
      failedOver: true,
    });
  });

  it('is no failover when the first machine did it', () => {
    expect(toTrace({ id, entries: [entry('admitted', decision), entry('completed', completion([attempt(node, 'ok')]))] })?.failedOver).toBe(false);
  });

  it('names the policies of a refusal', () => {
    const trace = toTrace({ id, entries: [entry('refused', { ...decision, decision: 'deny', findings: [] })] });
    expect(trace).toMatchObject({ ran: null, personalData: false, refusedBy: [{ id: 'p', reason: 'because' }] });
  });

  it('is not there before the record is complete', () => {
    expect(toTrace({ id, entries: [entry('admitted', decision)] })).toBeUndefined();
    expect(toTrace({ id, entries: [] })).toBeUndefined();
  });

  it('shows nothing as run when the work failed', () => {
    expect(toTrace({ id, entries: [entry('admitted', decision), entry('completed', { ...completion([attempt(node, 'failed')]), outcome: 'failed' })] })).toMatchObject({ ran: null, failedOver: false });
  });
});
