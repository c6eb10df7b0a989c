import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { governanceCalls, logRecord, operatorRecord, Sealer, sealRecord, type LogRecord, type RecordType, type TenantEntry } from '#protocol';
import { eventually, GovernanceStack } from '../governance-harness.js';

let stack: GovernanceStack;
let bank: TenantEntry;

const recordOf = (type: RecordType = 'refused', id: string = randomUUID()): LogRecord =>
  sealRecord({ id, type, timeMs: Date.now(), fields: { salt: randomBytes(4).toString('hex') }, facts: null }, bank, new Sealer(Buffer.from(bank.sealKey, 'base64'), bank.sealKeyId));
const wire = (record: LogRecord): object => z.encode(logRecord, record);
const send = (text: string): Promise<unknown> => stack.gateway.jetstream.publish('mizan.record.gateway', text, { msgID: randomUUID() });
const entries = (id: string): Promise<unknown[]> => eventually(async () => (await stack.caller.call(governanceCalls.getRecord, { tenant: bank.tenant, id })).entries);
const kept = async (): Promise<{ kind: string; id: string | null; raw: Buffer | null; taken: boolean }[]> =>
  (await stack.asSuperuser('SELECT kind, id, raw, taken_at IS NOT NULL AS taken FROM governance.log_rejections ORDER BY rejected_at')) as never;

beforeAll(async () => {
  stack = await GovernanceStack.start();
  bank = await stack.bank();
});
afterAll(() => stack?.stop());

describe('what came as a record and is none', () => {
  it('takes none of its neighbours with it, and is kept as it came', async () => {
    const [before, after] = [recordOf(), recordOf()];
    const newer = { ...wire(recordOf()), type: 'thing.of-tomorrow' };
    await send(JSON.stringify({ v: 1, records: [wire(before), newer, wire(after)] }));
    expect([await entries(before.id), await entries(after.id)].map(({ length }) => length)).toEqual([1, 1]);
    await send('{"v":2,"batch":[]}');
    await stack.gateway.jetstream.publish('mizan.record.gateway', 'not json');
    const found = await eventually(async () => {
      const rows = await kept();
      expect(rows).toHaveLength(3);
      return rows;
    });
    expect(found.map(({ kind }) => kind)).toEqual(['unread', 'unread', 'unread']);
    expect(JSON.parse(found[0]!.raw!.toString())).toEqual(newer);
    expect(found.slice(1).map(({ raw }) => raw!.toString()).sort()).toEqual(['not json', '{"v":2,"batch":[]}'].sort());
  });

  it('goes into the log at the start of a version that understands it, once', async () => {
    const record = recordOf();
    const raw = Buffer.from(JSON.stringify(wire(record)));
    await stack.asSuperuser(`INSERT INTO governance.log_rejections (digest, kind, subject, reason, raw) VALUES (sha256($1), 'unread', 'mizan.record.gateway', 'as an older version said', $1)`, [raw]);
    await stack.restart();
    expect(await entries(record.id)).toHaveLength(1);
    await stack.restart();
    expect(await entries(record.id)).toHaveLength(1);
    expect((await kept()).filter((row) => row.raw?.equals(raw)).map(({ taken }) => taken)).toEqual([true]);
  });

  it('may be of a service that does not record such things', async () => {
    const price = operatorRecord({ id: randomUUID(), type: 'price.set', timeMs: Date.now(), fields: { nanos: '5' }, facts: null });
    const own = recordOf();
    await stack.publish(price, own);
    await entries(own.id);
    expect((await kept()).filter(({ kind }) => kind === 'publisher').map(({ id }) => id)).toEqual([price.id]);
    await expect(stack.caller.call(governanceCalls.getRecord, { tenant: null, id: price.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('may be a second one of an id and type: it is kept once, and a repeated one not', async () => {
    const first = recordOf();
    const other = recordOf('refused', first.id);
    await stack.publish(first, first, other);
    await stack.publish(other, first);
    const last = recordOf();
    await stack.publish(last);
    await entries(last.id);
    expect(await entries(first.id)).toMatchObject([{ envelope: first.envelope }]);
    expect((await kept()).filter(({ kind }) => kind === 'other-bytes').map(({ id }) => id)).toEqual([first.id]);
  });
});
