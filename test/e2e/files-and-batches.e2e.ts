import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import OpenAI, { toFile } from 'openai';
import pg from 'pg';
import { anywhere, foundEnterprise } from './enterprise.js';
import type { Enterprise, NewKey } from './enterprise.js';
import { eventually } from './eventually.js';
import { joinLlama } from './llama-node.js';
import { oneStack } from './one-stack.js';
import type { OutsideNode } from './outside-node.js';
import { embeddedModel, recordOf } from './requests.js';
import { stackMs } from './standalone-stack.js';
import type { StandaloneStack } from './standalone-stack.js';

interface OutputLine {
  id: string;
  custom_id: string;
  response: { status_code: number; request_id: string; body: { data: { embedding: number[] }[]; error?: { code: string } } } | null;
  error: { code: string; message: string } | null;
}

let stack: StandaloneStack;
let client: OpenAI;
let other: Enterprise;
let stranger: OpenAI;
/** A house that renewed its keys, and a file of before. */
let renewed: { readonly house: Enterprise; readonly client: OpenAI; readonly file: string };

interface SealingKeys {
  readonly data: { readonly id: string; readonly purpose: string; readonly current: boolean; readonly destroyedAtMs: number | null }[];
}
const contentKeysOf = async ({ admin, tenant }: Enterprise): Promise<SealingKeys['data']> => (await admin.get<SealingKeys>(`/v1/organisations/${tenant}/sealing-keys`)).data.filter(({ purpose }) => purpose === 'contents');

const clientOf = (apiKey: string): OpenAI => new OpenAI({ baseURL: `${stack.run.api}/v1`, apiKey, maxRetries: 0 });
const lineOf = (customId: string, body: object = { model: embeddedModel, input: `text of ${customId}` }, url = '/v1/embeddings'): string => JSON.stringify({ custom_id: customId, method: 'POST', url, body });
const upload = async (text: string, by = client, name = 'input.jsonl') => by.files.create({ file: await toFile(Buffer.from(text), name), purpose: 'batch' });
const create = (file: string, by = client) => by.batches.create({ input_file_id: file, endpoint: '/v1/embeddings', completion_window: '24h' });
const failureOf = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => new Error('it succeeded'), (error: unknown) => error);
const linesOf = async (file: string, by = client): Promise<OutputLine[]> => (await (await by.files.content(file)).text()).trimEnd().split('\n').map((line) => JSON.parse(line) as OutputLine);

const finals = ['completed', 'failed', 'expired', 'cancelled'];
const endOf = (id: string, by = client, patienceMs = 240_000): Promise<OpenAI.Batch> =>
  eventually(`the end of ${id}`, async (saw) => {
    const batch = await by.batches.retrieve(id);
    saw(batch);
    return finals.includes(batch.status) ? batch : undefined;
  }, patienceMs);

async function clientWithKey(enterprise: Enterprise): Promise<{ client: OpenAI; id: string }> {
  const { id, secret } = await enterprise.admin.post<NewKey>(`/v1/organisations/${enterprise.tenant}/keys`, { role: 'developer', project: enterprise.project, name: 'a developer' });
  const made = clientOf(secret);
  await eventually('the gateway to know the key', async () => ((await failureOf(made.models.list())) instanceof Error && (await stack.rest(secret).send('GET', '/v1/models')).status === 200 ? true : undefined));
  return { client: made, id };
}

/** Records of an organisation that cost something. */
async function chargesOf(tenant: string): Promise<Set<string>> {
  const books = new pg.Client({ connectionString: stack.run.verifyDatabaseUrl });
  await books.connect();
  try {
    const { rows } = await books.query<{ record: string }>('SELECT record FROM billing.charges WHERE tenant = $1 AND amount_nanos > 0', [tenant]);
    return new Set(rows.map(({ record }) => record));
  } finally {
    await books.end();
  }
}

beforeAll(async () => {
  stack = await oneStack();
  client = clientOf(stack.run.key);
  other = await foundEnterprise(stack, 'A house with files', { policy: anywhere, budgetNanos: 1_000_000_000n });
  stranger = (await clientWithKey(other)).client;
}, stackMs);

describe('files', () => {
  it('come back byte for byte, in UTF-8 names and with an expiry, and are encrypted on the disk', async () => {
    const bytes = Buffer.concat([Buffer.from('aubergines aubergines\n'), randomBytes(3_000_000)]);
    const before = Math.floor(Date.now() / 1_000);
    const file = await client.files.create({ file: await toFile(bytes, 'ميزان – Waage "1".bin'), purpose: 'user_data', expires_after: { anchor: 'created_at', seconds: 3_600 } });
    expect(file).toMatchObject({ object: 'file', bytes: bytes.length, filename: 'ميزان – Waage "1".bin', purpose: 'user_data', status: 'processed' });
    expect(file.expires_at! - before - 3_600).toBeLessThan(30);
    const content = Buffer.from(await (await client.files.content(file.id)).arrayBuffer());
    expect(createHash('sha256').update(content).digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
    const stored = readdirSync(stack.path('objects'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(stored.length).toBeGreaterThan(0);
    for (const entry of stored) expect(readFileSync(join(entry.parentPath, entry.name)).includes('aubergine')).toBe(false);
    expect(await client.files.retrieve(file.id)).toEqual(file);
    expect(await client.files.delete(file.id)).toEqual({ id: file.id, object: 'file', deleted: true });
    expect(await failureOf(client.files.retrieve(file.id))).toBeInstanceOf(OpenAI.NotFoundError);
  });

  it('conformance 12: pages of a listing follow each other without a gap or a duplicate', async () => {
    const made: string[] = [];
    for (let n = 0; n < 5; n++) made.push((await client.files.create({ file: await toFile(Buffer.from(`page ${n}`), `page-${n}.txt`), purpose: 'evals' })).id);
    const seen: string[] = [];
    for await (const file of client.files.list({ purpose: 'evals', limit: 2 })) seen.push(file.id);
    expect(seen).toEqual([...made].reverse());
    const ascending: string[] = [];
    for await (const file of client.files.list({ purpose: 'evals', limit: 2, order: 'asc' })) ascending.push(file.id);
    expect(ascending).toEqual(made);
  });

  it('conformance 13: a cursor whose file was deleted meanwhile goes on where it stood; one that is none is refused', async () => {
    const first = await client.files.list({ purpose: 'evals', limit: 2 });
    const rest: string[] = [];
    for await (const file of client.files.list({ purpose: 'evals', limit: 2, after: first.data[1]!.id })) rest.push(file.id);
    await client.files.delete(first.data[1]!.id);
    const again: string[] = [];
    for await (const file of client.files.list({ purpose: 'evals', limit: 2, after: first.data[1]!.id })) again.push(file.id);
    expect(again).toEqual(rest);
    expect(await failureOf(client.files.list({ after: 'file-no-such-thing' }))).toMatchObject({ status: 400, code: 'REQUEST_INVALID', param: 'after' });
  });

  it('conformance 16: the fields of a form may stand in any order around the file, whose name is UTF-8', async () => {
    const boundary = 'a-boundary';
    const field = (name: string, value: string): string => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
    const file = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="الميزان.txt"\r\nContent-Type: text/plain\r\n\r\nzwei Schalen\r\n`;
    const rest = [field('purpose', 'user_data'), field('expires_after[anchor]', 'created_at'), field('expires_after[seconds]', '7200')];
    for (const parts of [[file, ...rest], [...rest, file], [rest[0]!, file, rest[2]!, rest[1]!]]) {
      const answer = await stack.rest().send('POST', '/v1/files', `${parts.join('')}--${boundary}--\r\n`, { 'content-type': `multipart/form-data; boundary=${boundary}` });
      expect({ status: answer.status, json: answer.json }).toMatchObject({ status: 200, json: { filename: 'الميزان.txt', bytes: 12, purpose: 'user_data' } });
    }
  });

  it('conformance 43: files and batches of another organisation do not exist', async () => {
    const file = await upload(`${lineOf('a')}\n`);
    const batch = await create(file.id);
    const attempts = [stranger.files.retrieve(file.id), stranger.files.content(file.id), stranger.files.delete(file.id), stranger.batches.retrieve(batch.id), stranger.batches.cancel(batch.id), create(file.id, stranger)];
    for (const error of await Promise.all(attempts.map(failureOf))) expect(error).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    for (const page of [await stranger.files.list(), await stranger.batches.list()]) expect(page.data).toEqual([]);
    await endOf(batch.id);
  });

  it.each<[string, string, string, string | null]>([
    ['that has no end', '--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf a', 'multipart/form-data; boundary=b', null],
    ['without a boundary', 'x', 'multipart/form-data', 'content-type'],
    ['that is nothing of the kind', 'x'.repeat(10_000), 'multipart/form-data; boundary=b', null],
    ['without a file', '--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b--\r\n', 'multipart/form-data; boundary=b', 'file'],
    ['with two files', `${'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf a\r\n'.repeat(2)}--b--\r\n`, 'multipart/form-data; boundary=b', 'file'],
    ['for a purpose that is none', '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfun\r\n--b--\r\n', 'multipart/form-data; boundary=b', 'purpose'],
    ['with a hundred fields', `${Array.from({ length: 100 }, (_, n) => `--b\r\nContent-Disposition: form-data; name="f${n}"\r\n\r\nx\r\n`).join('')}--b--\r\n`, 'multipart/form-data; boundary=b', null],
  ])('a form %s is refused and leaves nothing behind', async (_what, body, type, param) => {
    const before = (await client.files.list()).data.length;
    const answer = await stack.rest().send('POST', '/v1/files', body, { 'content-type': type });
    expect({ status: answer.status, error: answer.error }).toMatchObject({ status: 400, error: { code: 'REQUEST_INVALID', param } });
    expect((await client.files.list()).data.length).toBe(before);
  });

  it('can be read and written while the organisation renews its keys', async () => {
    const house = await foundEnterprise(stack, 'A house that renews its keys', { policy: anywhere, budgetNanos: 1_000_000_000n });
    const own = (await clientWithKey(house)).client;
    const { id: file } = await upload('of before', own);
    await house.admin.post(`/v1/organisations/${house.tenant}/sealing-keys/rotate`, {});
    expect((await contentKeysOf(house)).map(({ current }) => current)).toEqual([false, true]);
    const { id: after } = await upload('of afterwards', own);
    expect([await (await own.files.content(file)).text(), await (await own.files.content(after)).text()]).toEqual(['of before', 'of afterwards']);
    renewed = { house, client: own, file };
  });

  it('larger than may be are refused before they are sent, and a form elsewhere is another type', async () => {
    const answer = await stack.rest().send('POST', '/v1/embeddings', '--b--\r\n', { 'content-type': 'multipart/form-data; boundary=b' });
    expect(answer.status).toBe(415);
    const json = await stack.rest().send('POST', '/v1/files', {});
    expect(json.status).toBe(415);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const announced = request(`${stack.run.api}/v1/files`, { method: 'POST', headers: { authorization: `Bearer ${stack.run.key}`, 'content-type': 'multipart/form-data; boundary=b', 'content-length': 600 * 1024 * 1024 } });
      announced.on('response', (response) => {
        resolve(response.statusCode);
        announced.destroy();
      });
      announced.on('error', reject);
      announced.write('--b\r\n');
    });
    expect(status).toBe(413);
  });
});

describe('batches', () => {
  it('run every line as a request of its own, with its own record and charge, and answer in the order of the input', async () => {
    const names = Array.from({ length: 25 }, (_, n) => `line-${n}`);
    const bad = lineOf('bad', { model: 'no-such-model', input: 'x' });
    const wrong = lineOf('wrong', { model: embeddedModel, input: '' });
    const file = await upload([...names.slice(0, 10).map((name) => lineOf(name)), bad, '', wrong, ...names.slice(10).map((name) => lineOf(name))].join('\r\n'));
    const created = await client.batches.create({ input_file_id: file.id, endpoint: '/v1/embeddings', completion_window: '24h', metadata: { team: 'scales' } });
    expect(created).toMatchObject({ object: 'batch', status: 'validating', input_file_id: file.id, metadata: { team: 'scales' }, request_counts: { total: 0, completed: 0, failed: 0 } });
    const batch = await endOf(created.id);
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 27, completed: 25, failed: 2 }, errors: null });
    expect([batch.in_progress_at, batch.finalizing_at, batch.completed_at].every((at) => Math.abs(at! - Date.now() / 1_000) < 120)).toBe(true);

    const output = await linesOf(batch.output_file_id!);
    expect(output.map(({ custom_id }) => custom_id)).toEqual(names);
    const direct = await client.embeddings.create({ model: embeddedModel, input: 'text of line-3', encoding_format: 'float' });
    expect(output[3]!.response!.body.data[0]!.embedding.map(Math.fround)).toEqual(direct.data[0]!.embedding.map(Math.fround));

    const errors = await linesOf(batch.error_file_id!);
    expect(errors.map(({ custom_id, response }) => [custom_id, response!.status_code, response!.body.error!.code])).toEqual([['bad', 404, 'MODEL_NOT_FOUND'], ['wrong', 400, 'REQUEST_INVALID']]);

    const record = output[0]!.response!.request_id;
    const { admitted, completed } = await recordOf(stack.rest(), record);
    expect(admitted).toMatchObject({ dataClass: 'internal' });
    const charge = await eventually(`the charge of ${record}`, () => stack.rest().get<{ amountNanos: string }>(`/v1/charges/${record}`));
    expect(charge.amountNanos).toBe(completed!.chargeNanos);
    expect((await client.files.retrieve(batch.output_file_id!)).purpose).toBe('batch_output');
    const listed: string[] = [];
    for await (const each of client.batches.list({ limit: 1 })) listed.push(each.id);
    expect(listed[0]).toBe(batch.id);
    expect(new Set(listed).size).toBe(listed.length);
  });

  it('whose input is wrong fail as a whole and say which lines', async () => {
    const file = await upload([lineOf('a'), '{"custom_id":', lineOf('a'), lineOf('b', { model: 'm' }, '/v1/chat/completions')].join('\n'));
    const batch = await endOf((await create(file.id)).id);
    expect(batch).toMatchObject({ status: 'failed', output_file_id: null, request_counts: { total: 0 } });
    expect(batch.errors!.data!.map(({ code, line }) => [code, line])).toEqual([['invalid_json_line', 2], ['duplicate_custom_id', 3], ['mismatched_endpoint', 4]]);
    const empty = await endOf((await create((await upload('\n\n')).id)).id);
    expect(empty.errors!.data!.map(({ code }) => code)).toEqual(['empty_file']);
  });

  it('are refused over a file for another purpose, an endpoint that is none, and another window', async () => {
    const file = await client.files.create({ file: await toFile(Buffer.from(lineOf('a')), 'a'), purpose: 'user_data' });
    expect(await failureOf(create(file.id))).toMatchObject({ status: 400, param: 'input_file_id' });
    expect(await failureOf(client.batches.create({ input_file_id: file.id, endpoint: '/v1/nothing' as never, completion_window: '24h' }))).toMatchObject({ status: 400, param: 'endpoint' });
    expect(await failureOf(client.batches.create({ input_file_id: file.id, endpoint: '/v1/embeddings', completion_window: '1h' as never }))).toMatchObject({ status: 400, param: 'completion_window' });
    expect(await failureOf(create('file-123'))).toMatchObject({ status: 404, param: 'input_file_id' });
  });

  it('that are cancelled keep what is done, and name what is not', async () => {
    const file = await upload(Array.from({ length: 400 }, (_, n) => lineOf(`c-${n}`)).join('\n'));
    const { id } = await create(file.id);
    await eventually('some lines to be done', async (saw) => {
      const batch = await client.batches.retrieve(id);
      saw(batch);
      return batch.request_counts!.completed > 3 ? true : undefined;
    });
    expect(await failureOf(client.files.delete(file.id))).toMatchObject({ status: 409 });
    expect((await client.batches.cancel(id)).status).toBe('cancelling');
    const batch = await endOf(id);
    expect(batch.status).toBe('cancelled');
    const [output, errors] = [await linesOf(batch.output_file_id!), await linesOf(batch.error_file_id!)];
    expect(output.length).toBe(batch.request_counts!.completed);
    expect(output.length + errors.length).toBe(400);
    expect(new Set(errors.map(({ response, error }) => `${response === null} ${error?.code}`))).toEqual(new Set(['true batch_cancelled']));
    expect(await failureOf(client.batches.cancel(batch.id))).toBeInstanceOf(Error);
  });

  it('conformance 35: each line reserves before it runs and its output is billed; what the budget does not hold is refused', async () => {
    const poor = await foundEnterprise(stack, 'With money for few lines', { policy: anywhere, budgetNanos: 700n });
    const own = (await clientWithKey(poor)).client;
    const file = await upload(Array.from({ length: 12 }, (_, n) => lineOf(`p-${n}`)).join('\n'), own);
    const batch = await endOf((await create(file.id, own)).id, own);
    expect(batch.request_counts!.completed).toBeGreaterThan(0);
    expect(batch.request_counts!.failed).toBeGreaterThan(0);
    const errors = await linesOf(batch.error_file_id!, own);
    expect(new Set(errors.map(({ response }) => `${response!.status_code} ${response!.body.error!.code}`))).toEqual(new Set(['402 BUDGET_EXHAUSTED']));
    let charged = 0n;
    for (const { response } of await linesOf(batch.output_file_id!, own)) {
      charged += BigInt((await eventually('its charge', () => poor.developer.get<{ amountNanos: string }>(`/v1/charges/${response!.request_id}`))).amountNanos);
    }
    expect(charged > 0n && charged <= 700n).toBe(true);
  });

  it('end when the key that began them is revoked', async () => {
    const doomed = await clientWithKey(other);
    const file = await upload(Array.from({ length: 600 }, (_, n) => lineOf(`r-${n}`)).join('\n'), doomed.client);
    const { id } = await create(file.id, doomed.client);
    await eventually('some lines to be done', async () => ((await stranger.batches.retrieve(id)).request_counts!.completed > 3 ? true : undefined));
    expect((await other.admin.send('DELETE', `/v1/organisations/${other.tenant}/keys/${doomed.id}`)).status).toBe(200);
    const batch = await endOf(id, stranger);
    expect(batch).toMatchObject({ status: 'cancelled', errors: { data: [{ code: 'api_key_revoked' }] } });
    expect(batch.request_counts!.completed).toBeLessThan(600);
  });

  it('answer and charge each line exactly once, whatever is killed on the way', async () => {
    const names = Array.from({ length: 300 }, (_, n) => `k-${n}`);
    const file = await upload(names.map((name) => lineOf(name)).join('\n'));
    const { id } = await create(file.id);
    const done = (least: number): Promise<true> =>
      eventually(`${least} lines to be done`, async (saw) => {
        const batch = await client.batches.retrieve(id);
        saw(batch.request_counts);
        return batch.request_counts!.completed >= least ? true : undefined;
      });
    const before = await chargesOf(stack.run.tenant);
    const dieAndRunAgain = async (service: 'scheduler' | 'gateway'): Promise<void> => {
      const restarts = stack.restarts(service);
      await stack.kill(service);
      await stack.runsAgain(service, restarts + 1);
    };
    await done(20);
    await dieAndRunAgain('scheduler');
    await done(90);
    await dieAndRunAgain('gateway');
    await done(160);
    await Promise.all([dieAndRunAgain('scheduler'), dieAndRunAgain('gateway')]);
    const batch = await endOf(id);
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 300, completed: 300, failed: 0 } });
    const output = await linesOf(batch.output_file_id!);
    expect(output.map(({ custom_id }) => custom_id)).toEqual(names);
    const records = output.map(({ response }) => response!.request_id);
    expect(new Set(records).size).toBe(300);
    for (const record of records) {
      const charge = await eventually(`the charge of ${record}`, () => stack.rest().get<{ record: string; amountNanos: string }>(`/v1/charges/${record}`), 90_000);
      expect(BigInt(charge.amountNanos) > 0n).toBe(true);
    }
    await pause(1_000);
    const after = await chargesOf(stack.run.tenant);
    expect([...after].filter((record) => !before.has(record)).every((record) => records.includes(record))).toBe(true);
    const { invariants } = await eventually('the invariants to hold', async (saw) => {
      const checked = await stack.verify();
      saw(checked);
      return checked.code === 0 ? checked : undefined;
    });
    expect(invariants.every(({ holds }) => holds)).toBe(true);
  });
});

describe('the keys over contents', () => {
  it('are destroyed some while after they were renewed, when all contents are under the new ones', async () => {
    await eventually('the old key to be destroyed', async (saw) => {
      const keys = await contentKeysOf(renewed.house);
      saw(keys);
      return keys[0]!.destroyedAtMs === null ? undefined : keys;
    }, 150_000);
    expect(await (await renewed.client.files.content(renewed.file)).text()).toBe('of before');
    await eventually('the log to say so', async () => ((await renewed.house.admin.get<{ data: unknown[] }>('/v1/records?type=sealing.destroyed')).data.length === 1 ? true : undefined));
  });
});

describe('responses of a real model', () => {
  let node: OutsideNode;
  let house: Enterprise;
  let own: OpenAI;

  beforeAll(async () => {
    node = await joinLlama(stack, 'llama', { input: '1', output: '2' });
    house = await foundEnterprise(stack, 'A patient house', { policy: anywhere, budgetNanos: 10_000_000_000n });
    own = (await clientWithKey(house)).client;
    await house.admin.put(`/v1/organisations/${house.tenant}/projects/${house.project}/limits`, { responseSeconds: 3_600 });
  }, stackMs);
  afterAll(async () => {
    await node?.stop();
  });

  it('are lines of batches, each in the output alone', async () => {
    const line = (name: string, more: object = {}): string => lineOf(name, { model: node.model, input: `Weigh ${name}.`, max_output_tokens: 8, temperature: 0, ...more }, '/v1/responses');
    const file = await upload([line('one'), line('two', { store: true }), line('three', { background: true })].join('\n'), own);
    const batch = await endOf((await own.batches.create({ input_file_id: file.id, endpoint: '/v1/responses', completion_window: '24h' })).id, own);
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 3, completed: 2, failed: 1 } });
    const output = (await linesOf(batch.output_file_id!, own)) as unknown as { custom_id: string; response: { body: OpenAI.Responses.Response } }[];
    expect(output.map(({ custom_id }) => custom_id)).toEqual(['one', 'two']);
    for (const { response } of output) {
      expect(response.body).toMatchObject({ object: 'response', status: 'incomplete', store: false, usage: { output_tokens: 8 } });
      expect(await failureOf(own.responses.retrieve(response.body.id))).toMatchObject({ status: 404 });
    }
    expect((await linesOf(batch.error_file_id!, own)).map(({ response }) => response!.status_code)).toEqual([400]);
  });

  it('in the background survive the gateway that runs them, have one end, and are charged once', async () => {
    const before = await chargesOf(house.tenant);
    const { id } = await eventually('the retention to be known', async (saw) => {
      const made = await own.responses.create({ model: node.model, input: 'Weigh this.', max_output_tokens: 1_900, background: true }).catch(saw);
      return made ?? undefined;
    });
    for await (const { type } of await own.responses.retrieve(id, { stream: true })) if (type === 'response.output_text.delta') break;
    const restarts = stack.restarts('gateway');
    await stack.kill('gateway');
    await stack.runsAgain('gateway', restarts + 1);
    const whole = await eventually('its end', async (saw) => {
      const response = await own.responses.retrieve(id);
      saw({ ...response, output: [] });
      return response.status === 'queued' || response.status === 'in_progress' ? undefined : response;
    }, 120_000);
    // A model of random weights may end by itself before it has said all that it may.
    const outputTokens = whole.usage!.output_tokens;
    expect(whole.status).toBe(outputTokens < 1_900 ? 'completed' : 'incomplete');
    const events: OpenAI.Responses.ResponseStreamEvent[] = [];
    for await (const event of await own.responses.retrieve(id, { stream: true })) events.push(event);
    expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_event, n) => n));
    expect(events.filter(({ type }) => type === 'response.in_progress')).toHaveLength(2);
    expect(events.at(-1)).toMatchObject({ type: `response.${whole.status!}`, response: { id, status: whole.status } });
    const record = id.slice('resp_'.length).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    const { completed } = await recordOf(house.admin, record, 60_000);
    expect(completed).toMatchObject({ outcome: 'ok', closedBy: 'gateway', usage: { outputTokens } });
    const charged = await eventually('its charge', async () => {
      const found = [...(await chargesOf(house.tenant))].filter((one) => !before.has(one));
      return found.length > 0 ? found : undefined;
    });
    expect(charged).toEqual([record]);
    await eventually('the invariants to hold', async (saw) => {
      const checked = await stack.verify();
      saw(checked);
      return checked.code === 0 ? true : undefined;
    });
  }, 300_000);
});
