import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { z } from 'zod';
import { Serve } from '#messaging';
import { failure, heldContentCalls, openRecordBody, roles } from '#protocol';
import type { HeldContent, ReplyOf, RequestOf } from '#protocol';
import { defineService, runService } from '#service';
import type { RunningService } from '#service';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import { sealKeys, tenant, uuidOf } from '../examples.js';
import { eventually, GatewayStack } from '../gateway-harness.js';

type Calls = typeof heldContentCalls;

const bytes = Buffer.from('what a hold keeps, in three parts');
const held: HeldContent = { kind: 'files', id: uuidOf(0x90), project: uuidOf(3), hold: uuidOf(0x91), filename: 'Verträge; "alle".txt', bytes: bytes.length, persons: [], createdAtMs: 1, deletedAtMs: 2 };
const asked: RequestOf<Calls['list']>[] = [];
let breaksOff = false;

/** A scheduler that has one held file. */
@Controller()
class HeldRpc {
  @Serve(heldContentCalls.list)
  list(request: RequestOf<Calls['list']>): ReplyOf<Calls['list']> {
    asked.push(request);
    return { data: request.kind === 'files' ? [held] : [], next: null };
  }

  @Serve(heldContentCalls.read)
  read({ tenant: of, kind, id, from }: RequestOf<Calls['read']>): ReplyOf<Calls['read']> {
    if (of !== tenant.tenant || kind !== 'files' || id !== held.id || (breaksOff && from > 0)) throw failure('NOT_FOUND', 'no legal hold keeps such a content', { id });
    const end = Math.min(bytes.length, from + 12);
    return { content: held, part: bytes.subarray(from, end).toString('base64'), next: end < bytes.length ? end : null };
  }
}

@Module({ controllers: [HeldRpc] })
class HeldModule {}

let nats: TestNats;
let scheduler: RunningService;
let stack: GatewayStack;
const keys = new Map<string, string>();
const get = (path: string, role: string) => fetch(`${stack.url}/v1/held-contents${path}`, { headers: { authorization: `Bearer ${keys.get(role)}` } });
const readsBy = (n: number) => stack.records.filter(({ type }) => type === 'data.read').map(({ id, type, body }) => openRecordBody(id, type, body!, sealKeys.privateKey).fields).filter(({ actor }) => (actor as { keyId: string }).keyId === uuidOf(n));

beforeAll(async () => {
  nats = await testNats();
  scheduler = await runService(defineService({ name: 'scheduler', config: z.object({}), module: () => HeldModule, migrations: [], http: 'internal' }), { NATS_URL: nats.url, NATS_CREDS: nats.credentials.scheduler, LOG_LEVEL: 'fatal' });
  stack = await GatewayStack.start(nats);
  for (const [n, role] of roles.entries()) keys.set(role, await stack.key(role.replace('_', ''), role, role === 'developer' ? uuidOf(3) : null, 0x70 + n));
});
afterAll(async () => {
  await stack?.stop();
  await scheduler?.stop();
  await nats?.stop();
});

describe('what holds keep of deleted contents', () => {
  it('is listed and read by who answers for it or audits it, and each read is an entry of the organisation before anything is answered', async () => {
    for (const role of ['auditor', 'compliance']) {
      const list = await get('?kind=files&limit=5', role);
      expect([list.status, await list.json()]).toEqual([200, { data: [held], next: null }]);
      const content = await get(`/files/${held.id}`, role);
      expect([content.status, content.headers.get('content-length'), content.headers.get('cache-control'), content.headers.get('content-type')]).toEqual([200, `${bytes.length}`, 'no-store', 'application/octet-stream']);
      expect(content.headers.get('content-disposition')).toBe(`attachment; filename*=UTF-8''${encodeURIComponent(held.filename!)}`);
      expect(await content.text()).toBe(bytes.toString());
      const n = 0x70 + roles.indexOf(role as never);
      await (await get(`/files/${held.id}`, role)).text();
      expect((await get(`/files/${uuidOf(0x99)}`, role)).status).toBe(404);
      await eventually(() => readsBy(n).length === 3);
      expect(readsBy(n)).toEqual([
        { actor: { keyId: uuidOf(n), tenant: tenant.tenant, role }, what: 'held-contents', kind: 'files', organisation: tenant.tenant },
        { actor: { keyId: uuidOf(n), tenant: tenant.tenant, role }, what: 'held-content', kind: 'files', content: held.id, organisation: tenant.tenant },
        expect.objectContaining({ what: 'held-content', content: held.id }),
      ]);
    }
    expect(asked).toContainEqual({ tenant: tenant.tenant, kind: 'files', limit: 5 });
  });

  it('is nobody else’s: not who works with the API, nor the platform’s administrators', async () => {
    for (const role of roles.filter((one) => one !== 'auditor' && one !== 'compliance')) {
      for (const path of ['?kind=files', `/files/${held.id}`]) {
        const answer = await get(path, role);
        expect([role, answer.status, await answer.json()]).toEqual([role, 403, { error: expect.objectContaining({ code: 'NOT_ALLOWED' }) }]);
      }
    }
    expect((await fetch(`${stack.url}/v1/held-contents?kind=files`)).status).toBe(401);
  });

  it('is not there where no hold keeps it, which is no read; wrong questions are named', async () => {
    const before = readsBy(0x70 + roles.indexOf('auditor')).length;
    for (const path of [`/files/${uuidOf(0x99)}`, `/responses/${held.id}`]) expect((await get(path, 'auditor')).status).toBe(404);
    for (const [path, param] of [['', 'kind'], ['?kind=prompts', 'kind'], ['?kind=files&limit=0', 'limit'], ['?kind=files&limit=101', 'limit'], ['?kind=files&after=x', 'after'], ['/prompts/x', null], ['/files/x', null]] as const) {
      const answer = await get(path, 'auditor');
      expect([path, answer.status, ((await answer.json()) as { error: { param: string } }).error.param]).toEqual([path, 400, param]);
    }
    expect(readsBy(0x70 + roles.indexOf('auditor'))).toHaveLength(before);
  });

  it('breaks off, and is not taken for whole, when the hold goes in the middle', async () => {
    breaksOff = true;
    const answer = await get(`/files/${held.id}`, 'auditor');
    await expect(answer.text()).rejects.toThrow();
    breaksOff = false;
  });
});
