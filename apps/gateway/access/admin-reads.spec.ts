import { describe, expect, it } from '@jest/globals';
import { SystemClock, SystemIds } from '#kernel';
import { generateSealKeys, openRecordBody } from '#protocol';
import type { LogRecord, Role, TenantEntry } from '#protocol';
import { tenant as example, uuidOf } from '../examples.js';
import { AdminReads } from './admin-reads.js';
import type { Principal } from './principal.js';

const keys = generateSealKeys();
const bank: TenantEntry = { ...example, sealKey: keys.publicKey.toString('base64') };
const by = (role: Role, tenant = uuidOf(0x77)): Principal => ({ keyId: uuidOf(4), tenant, project: null, role });

class ManualClock extends SystemClock {
  ms = 1_767_225_600_000;
  override nowMs(): number {
    return this.ms;
  }
}

function reads(commit?: () => Promise<void>) {
  const [clock, records] = [new ManualClock(), [] as LogRecord[]];
  const recorder = { commit: commit ?? ((record: LogRecord) => (records.push(record), Promise.resolve())) };
  return { clock, records, reads: new AdminReads({ get: (id) => (id === bank.tenant ? bank : undefined) }, recorder, new SystemIds(clock), clock) };
}

describe('reads of the platform', () => {
  it('are recorded for the organisation whose data it is, who opens the record', async () => {
    const { records, reads: of } = reads();
    await of.note(by('platform_admin'), 'invoice.read', bank.tenant);
    expect(records).toMatchObject([{ type: 'data.read', tenant: bank.tenant }]);
    const { fields } = openRecordBody(records[0]!.id, 'data.read', records[0]!.body!, keys.privateKey);
    expect(fields).toEqual({ actor: { keyId: uuidOf(4), tenant: uuidOf(0x77), role: 'platform_admin' }, what: 'invoice.read', organisation: bank.tenant });
  });

  it('are of another organisation, of its data, and by somebody who may read any', () => {
    const { reads: of } = reads();
    expect(of.concerns(by('platform_admin'), 'budget.read', bank.tenant)).toBe(true);
    expect(of.concerns(by('platform_admin', bank.tenant), 'budget.read', bank.tenant)).toBe(false);
    expect(of.concerns(by('platform_admin'), 'bucket.read', bank.tenant)).toBe(true);
    expect(of.concerns(by('platform_admin'), 'price.read', bank.tenant)).toBe(false);
    expect(of.concerns(by('auditor'), 'budget.read', bank.tenant)).toBe(false);
  });

  it('of all organisations at once are recorded for the deployment', async () => {
    const { records, reads: of } = reads();
    expect([of.concerns(by('platform_admin'), 'invoice.read', null), of.concerns(by('platform_admin'), 'price.read', null)]).toEqual([true, false]);
    for (const tenant of [null, bank.tenant, null]) await of.note(by('platform_admin'), 'invoice.read', tenant);
    expect(records).toMatchObject([{ type: 'data.read', tenant: null, fields: { actor: { role: 'platform_admin' }, what: 'invoice.read', organisation: null } }, { tenant: bank.tenant }]);
  });

  it('are one within a minute, and one for each thing', async () => {
    const { clock, records, reads: of } = reads();
    for (const action of ['invoice.read', 'invoice.read', 'budget.read'] as const) await of.note(by('platform_admin'), action, bank.tenant);
    expect(records).toHaveLength(2);
    clock.ms += 60_000;
    await of.note(by('platform_admin'), 'invoice.read', bank.tenant);
    expect(records).toHaveLength(3);
  });

  it('of what a hold keeps are an entry each time', async () => {
    const { records, reads: of } = reads();
    const read = { what: 'held-content', kind: 'files', content: uuidOf(5) } as const;
    for (let n = 0; n < 3; n += 1) await of.noteHeld(by('auditor', bank.tenant), read);
    await of.noteHeld(by('auditor', bank.tenant), { what: 'held-contents', kind: 'files' });
    expect(records).toHaveLength(4);
    expect(openRecordBody(records[2]!.id, 'data.read', records[2]!.body!, keys.privateKey).fields).toMatchObject({ ...read, organisation: bank.tenant });
  });

  it('are not answered when they cannot be recorded, and recorded when asked again', async () => {
    let fails = true;
    let sent = 0;
    const { reads: of } = reads(() => (fails ? Promise.reject(new Error('no stream')) : ((sent += 1), Promise.resolve())));
    await expect(of.note(by('platform_admin'), 'invoice.read', bank.tenant)).rejects.toThrow('no stream');
    fails = false;
    await of.note(by('platform_admin'), 'invoice.read', bank.tenant);
    expect(sent).toBe(1);
  });

  it('of an organisation that does not exist are of nothing', async () => {
    const { records, reads: of } = reads();
    await of.note(by('platform_admin'), 'invoice.read', uuidOf(0x99));
    expect(records).toEqual([]);
  });
});
