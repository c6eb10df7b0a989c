import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { governanceCalls, Sealer, sealRecord, type LogRecord, type TenantEntry } from '#protocol';
import { eventually, GovernanceStack } from '../governance-harness.js';

let stack: GovernanceStack;
let bank: TenantEntry;

const recordOf = (): LogRecord =>
  sealRecord({ id: randomUUID(), type: 'refused', timeMs: Date.now(), fields: { salt: randomBytes(4).toString('hex') }, facts: null }, bank, new Sealer(Buffer.from(bank.sealKey, 'base64'), bank.sealKeyId));
const head = () => stack.caller.call(governanceCalls.checkpoint, {});
const ready = async (): Promise<unknown> => ((await (await fetch(`${stack.service.operationsUrl}/readyz`)).json()) as { checks: Record<string, unknown> }).checks['log history'];

async function logged(): Promise<void> {
  const record = recordOf();
  await stack.publish(record);
  await eventually(() => stack.caller.call(governanceCalls.getRecord, { tenant: bank.tenant, id: record.id }));
}

/** As a backup of the log that is put back. */
const tables = ['log_bundles', 'log_ids', 'log_bodies', 'log_tiles', 'log_head'];
const backUp = (): Promise<unknown> => stack.asSuperuser(tables.map((name) => `DROP TABLE IF EXISTS public.${name}; CREATE TABLE public.${name} AS TABLE governance.${name};`).join(''));
const restore = (): Promise<unknown> => stack.asSuperuser(tables.map((name) => `TRUNCATE governance.${name}; INSERT INTO governance.${name} SELECT * FROM public.${name};`).join(''));

beforeAll(async () => {
  stack = await GovernanceStack.start();
  bank = await stack.bank();
  await logged();
});
afterAll(() => stack?.stop());

describe('a log whose database was restored', () => {
  it('signs no second history, also when it has grown past the first', async () => {
    await backUp();
    await logged();
    const lost = await head();
    await restore();
    await stack.restart();
    await expect(head()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    expect(await ready()).toBe(false);
    for (let size = 0; size < 3; size += 1) await logged();
    await expect(head()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    await stack.restart({ AUDIT_ACCEPT_BREAK: `${lost.size} ${'00'.repeat(32)}` });
    await expect(head()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });

    await stack.restart({ AUDIT_ACCEPT_BREAK: `${lost.size} ${lost.root}` });
    expect((await head()).size).toBeGreaterThanOrEqual(lost.size);
    expect(await ready()).toBe(true);
    const broken = await eventually(async () => {
      const { data } = await stack.caller.call(governanceCalls.listRecords, { tenant: null, type: 'log.broken', limit: 10 } as never);
      expect(data).toHaveLength(1);
      return data;
    });
    expect(broken).toHaveLength(1);
  });

  it('goes on when it holds again what was signed', async () => {
    await backUp();
    await restore();
    await stack.restart();
    await logged();
    expect((await head()).size).toBeGreaterThan(0);
  });
});
