import { describe, expect, it } from '@jest/globals';
import { SystemClock } from '#kernel';
import type { Replicas } from '#messaging';
import { bodyMatchesEnvelope, generateSealKeys, openRecordBody, parseEnvelope } from '#protocol';
import type { ChainLink } from '../chain/chain-link.js';
import type { StatementRow } from '../epochs/statement.store.js';
import { LogRecords } from '../records/log-records.service.js';
import { SettledRecord } from './settled-record.js';

const tenant = '0198c0de-0000-7000-8000-00000000000a';
const escrow = `0x${'33'.repeat(20)}`;
const row: StatementRow = {
  id: '0198c0de-0000-7000-8000-00000000000c',
  tenant,
  payer: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
  payees: [{ payee: '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC', units: 5n, cumulativeUnits: 9n }],
  totalUnits: 5n,
  cumulativeTotalUnits: 9n,
  state: 'final',
  epoch: 2,
  auditRoot: `0x${'ab'.repeat(32)}`,
  auditSize: 4,
  transaction: null,
  error: null,
  tx: `0x${'cd'.repeat(32)}`,
  createdAtMs: 1,
  voidCause: null,
  isVoidUnderWay: false,
  rate: { nanos: 4_999n, units: 5n, source: { kind: 'fixed', usdPerToken: '0.9998', reason: 'as agreed', date: '2026-11-02' }, readAtMs: 3 },
};

/** The bucket of tenants with one in it, or none. */
function recordsWith(entry: object | undefined): SettledRecord {
  const replicas = { view: () => Promise.resolve({ get: (key: string) => (key === tenant ? entry : undefined) }) };
  return new SettledRecord(new LogRecords(replicas as unknown as Replicas, new SystemClock()), { chainId: 31_337n, escrow: { address: escrow } } as unknown as ChainLink);
}

describe('the record of a final statement', () => {
  it('is sealed for its tenant, who can open it and check it against the log entry', async () => {
    const keys = generateSealKeys();
    const entry = { tenant, pseudonym: 'ef'.repeat(32), sealKey: keys.publicKey.toString('base64'), sealKeyId: row.id };
    const record = await recordsWith(entry).of(row, { tx: row.tx!, blockNumber: 12 });
    expect(record).toMatchObject({ type: 'epoch.settled', tenant, fields: null, facts: null });
    const body = openRecordBody(record.id, record.type, record.body!, keys.privateKey);
    expect(body.fields).toMatchObject({ statement: row.id, epoch: 2, totalUnits: '5', tx: row.tx, blockNumber: 12, chainId: 31_337, escrow, rate: { nanos: '4999', units: '5', readAtMs: 3 } });
    const envelope = parseEnvelope(Buffer.from(record.envelope, 'base64'));
    expect(envelope.tenant).toBe('ef'.repeat(32));
    expect(bodyMatchesEnvelope(body, envelope)).toBe(true);
  });

  it('is open when the tenant is not published: it says nothing that the chain does not', async () => {
    const record = await recordsWith(undefined).of(row, { tx: row.tx!, blockNumber: 12 });
    expect(record).toMatchObject({ tenant: null, body: null, fields: { statement: row.id } });
  });
});
