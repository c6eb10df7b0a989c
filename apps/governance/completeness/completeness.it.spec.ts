import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomUUID } from 'node:crypto';
import { SystemClock, SystemIds } from '#kernel';
import { leafHash, sha256 } from '#merkle';
import { completenessCalls, governanceCalls, operatorRecord, packRecords, Sealer, sealRecord, type LogRecord, type RecordFields, type TenantEntry } from '#protocol';
import { createDataSource } from '#service';
import { eventually, GovernanceStack } from '../governance-harness.js';
import { DecisionCounts1767225614100 } from '../runs/decision-counts.migration.js';

const ids = new SystemIds(new SystemClock());
const run = randomUUID();
let stack: GovernanceStack;
let [bank, other]: TenantEntry[] = [];
/** As the gateway numbered them. */
let decided: LogRecord[];
let omitted: LogRecord;

const sealed = (entry: TenantEntry, draft: { id?: string; type: 'admitted' | 'completed' | 'refused'; fields?: RecordFields; number?: number; timeMs?: number }): LogRecord =>
  sealRecord({ id: draft.id ?? ids.uuid(), type: draft.type, timeMs: draft.timeMs ?? Date.now(), fields: draft.fields ?? {}, facts: null, ...(draft.number && { number: { gateway: 'gw-1', run, number: draft.number } }) }, entry, new Sealer(Buffer.from(entry.sealKey, 'base64'), entry.sealKeyId));

const decisions = (tenant: string, over: { after?: number | null; limit?: number; fromMs?: number; toMs?: number } = {}) =>
  stack.caller.call(completenessCalls.decisions, { tenant, fromMs: Date.now() - 3_600_000, toMs: Date.now() + 3_600_000, after: null, limit: 50, ...over });
const counts = (tenant: string | null, after: number | null = null, limit = 10) => stack.caller.call(completenessCalls.counts, { tenant, after, limit });

beforeAll(async () => {
  stack = await GovernanceStack.start();
  [bank, other] = [await stack.bank(), await stack.bank()];
  omitted = sealed(bank, { type: 'admitted', number: 4 });
  decided = [sealed(bank, { type: 'admitted', number: 1 }), sealed(other, { type: 'refused', number: 2 }), sealed(bank, { type: 'refused', number: 3 }), omitted, sealed(bank, { type: 'admitted', number: 5 })];
  const leaves = createHash('sha256');
  for (const { envelope } of decided) leaves.update(leafHash(sha256, Buffer.from(envelope, 'base64')));
  const fields = { gateway: 'gw-1', run, from: 1, to: 5, records: packRecords(decided.map(({ id }) => id)), unconfirmed: [], leaves: leaves.digest('hex'), final: false };
  const count = operatorRecord({ id: ids.uuid(), type: 'decisions.counted', timeMs: Date.now(), fields, facts: null });
  const end = sealed(bank, { id: decided[0]!.id, type: 'completed', fields: { chargeNanos: '700' } });
  const uncounted = sealed(bank, { type: 'refused', number: 6 });
  // One decision is kept out of the log; the gateway has counted it all the same.
  await stack.publish(...decided.filter((record) => record !== omitted), end, count, uncounted);
  await eventually(() => stack.caller.call(governanceCalls.proveRecord, { tenant: bank!.tenant, id: uncounted.id }));
}, 120_000);

afterAll(() => stack?.stop());

describe('the decisions of an organisation', () => {
  it('are told with their numbers, what counted them and how they ended, page by page', async () => {
    const { data, next } = await decisions(bank!.tenant);
    const at = (await counts(null)).data[0]!.index;
    expect(next).toBeNull();
    expect(data.map(({ type, number, count, end }) => [type, number?.number, count, end?.chargeNanos])).toEqual([
      ['admitted', 1, { index: at, confirmed: true, other: null }, 700n],
      ['refused', 3, { index: at, confirmed: true, other: null }, undefined],
      ['admitted', 5, { index: at, confirmed: true, other: null }, undefined],
      ['refused', 6, null, undefined],
    ]);
    const paged = [];
    for (let after: number | null = null; ; ) {
      const page = await decisions(bank!.tenant, { after, limit: 1 });
      paged.push(...page.data);
      if (page.next === null) break;
      after = page.next;
    }
    expect(paged).toEqual(data);
    expect((await decisions(bank!.tenant, { fromMs: 0, toMs: Date.now() - 7_200_000 })).data).toEqual([]);
    expect((await decisions(randomUUID())).data).toEqual([]);
  });

  it('that a gateway counted and the log lacks are named, and of another organisation nothing but that its number is there', async () => {
    const { data, next } = await counts(bank!.tenant);
    expect(data).toMatchObject([{ type: 'decisions.counted', fields: { gateway: 'gw-1', run, from: 1, to: 5 }, missing: [{ number: 4, record: omitted.id }], own: 3 }]);
    expect(next).toBeNull();
    expect((await counts(other!.tenant)).data).toMatchObject([{ missing: [{ number: 4 }], own: 1 }]);
    expect((await counts(bank!.tenant, data[0]!.index)).data).toEqual([]);
    expect(JSON.stringify((await decisions(other!.tenant)).data)).not.toContain(decided[0]!.id);
  });

  it('are found by their counts also where these were in the log before there was a list of them', async () => {
    const rows = (): Promise<unknown[]> => stack.asSuperuser('SELECT * FROM governance.decision_counts ORDER BY index');
    const before = await rows();
    const owner = await createDataSource(stack.database.ownerUrl, 'governance').initialize();
    const runner = owner.createQueryRunner();
    const migration = new DecisionCounts1767225614100();
    await migration.down(runner);
    await runner.startTransaction();
    await migration.up(runner);
    await runner.commitTransaction();
    await runner.release();
    await owner.destroy();
    expect(before).toHaveLength(1);
    expect(await rows()).toEqual(before);
  });

  it('are an entry when somebody looks through them for the organisation', async () => {
    const reader = { keyId: randomUUID(), tenant: bank!.tenant, role: 'auditor' as const };
    await stack.caller.call(completenessCalls.decisions, { tenant: bank!.tenant, fromMs: 0, toMs: 1, after: null, limit: 1, reader });
    await eventually(async () => {
      const { data } = await stack.caller.call(governanceCalls.listRecords, { tenant: bank!.tenant, type: 'data.read', limit: 5 });
      expect(data).toHaveLength(1);
    });
  });
});
