import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { openReceipt } from '#protocol';
import { eventually } from './eventually.js';
import { embed, embeddedModel, recordIn, recordOf } from './requests.js';
import { stackMs, StandaloneStack } from './standalone-stack.js';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const text = 'The scales do not lie.';

let stack: StandaloneStack;
let client: OpenAI;
let proofs: string;

beforeAll(async () => {
  proofs = mkdtempSync(join(tmpdir(), 'mizan-proofs-'));
  stack = await StandaloneStack.start();
  client = new OpenAI({ baseURL: `${stack.run.api}/v1`, apiKey: stack.run.key });
}, stackMs);

afterAll(async () => {
  rmSync(proofs, { recursive: true, force: true });
  await stack?.stop();
}, 60_000);

const float32 = (vector: readonly number[]): number[] => vector.map(Math.fround);
const failureOf = (promise: Promise<unknown>): Promise<unknown> => promise.then(
  () => new Error('it succeeded'),
  (error: unknown) => error,
);

describe("OpenAI's own client, unchanged", () => {
  it('gets the same vector in base64, which it asks for by itself, and in floats, as plain HTTP does', async () => {
    const inBase64 = await client.embeddings.create({ model: embeddedModel, input: text });
    const inFloats = await client.embeddings.create({ model: embeddedModel, input: text, encoding_format: 'float' });
    const plain = await embed(stack.rest(), text);

    const vector = inBase64.data[0]!.embedding;
    expect(vector).toHaveLength(512);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 3);
    expect(float32(inFloats.data[0]!.embedding)).toEqual(vector);
    expect(float32((plain.json as OpenAI.CreateEmbeddingResponse).data[0]!.embedding)).toEqual(vector);
    expect(inBase64.usage.prompt_tokens).toBeGreaterThan(3);
    expect(inFloats.usage).toEqual(inBase64.usage);
  });

  it('embeds several texts at once, in their order, each as it would be alone', async () => {
    const inputs = ['One coin on the left.', 'زنوا بالقسطاس المستقيم', 'One coin on the right.'];
    const together = await client.embeddings.create({ model: embeddedModel, input: inputs });
    expect(together.data.map(({ index }) => index)).toEqual([0, 1, 2]);
    for (const [index, input] of inputs.entries()) {
      const alone = await client.embeddings.create({ model: embeddedModel, input });
      const [a, b] = [together.data[index]!.embedding, alone.data[0]!.embedding];
      expect(Math.max(...a.map((value, at) => Math.abs(value - b[at]!)))).toBeLessThan(1e-5);
    }
  });

  it('lists the models and finds one of them by name', async () => {
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toContain(embeddedModel);
    const model = await client.models.retrieve(embeddedModel);
    expect(model).toEqual({ id: embeddedModel, object: 'model', created: expect.any(Number), owned_by: 'mizan' });
    expect(Math.abs(model.created * 1_000 - Date.now())).toBeLessThan(3_600_000);
  });

  it('finds the id of the request and of its record on the answer', async () => {
    const { data, response, request_id } = await client.embeddings.create({ model: embeddedModel, input: text }).withResponse();
    expect(data.object).toBe('list');
    expect(request_id).toMatch(uuid);
    expect(response.headers.get('x-request-id')).toBe(request_id);
    expect(response.headers.get('x-mizan-record')).toMatch(uuid);
  });

  it.each<[string, new (...args: never[]) => Error, number, string, () => Promise<unknown>]>([
    ['an unknown model', OpenAI.NotFoundError, 404, 'MODEL_NOT_FOUND', () => client.embeddings.create({ model: 'no-such-model', input: text })],
    ['an unknown model by name', OpenAI.NotFoundError, 404, 'MODEL_NOT_FOUND', () => client.models.retrieve('vendor/no-such-model')],
    ['an empty input', OpenAI.BadRequestError, 400, 'REQUEST_INVALID', () => client.embeddings.create({ model: embeddedModel, input: '' })],
    ['a wrong key', OpenAI.AuthenticationError, 401, 'API_KEY_INVALID', () => client.withOptions({ apiKey: 'sk-of-somebody-else' }).embeddings.create({ model: embeddedModel, input: text })],
    ['what the policy refuses', OpenAI.PermissionDeniedError, 403, 'POLICY_DENIED', () => client.embeddings.create({ model: embeddedModel, input: text }, { headers: { 'x-mizan-data-class': 'restricted' } })],
    ['a stream of a model that gives no text', OpenAI.NotFoundError, 404, 'MODEL_NOT_FOUND', () => client.chat.completions.create({ model: embeddedModel, messages: [{ role: 'user', content: text }], stream: true })],
  ])('throws its own class for %s, with a stable code and the id of the request', async (_what, kind, status, code, act) => {
    const error = await failureOf(act());
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ status, code, requestID: expect.stringMatching(uuid) });
  });
});

describe('the record of a request', () => {
  it('holds hashes of what was asked and answered, the receipt that the machine signed, and what was charged', async () => {
    const answer = await embed(stack.rest(), text);
    const id = recordIn(answer);
    const { admitted, completed } = await recordOf(stack.rest(), id);

    const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');
    expect(admitted?.requestHash).toBe(sha256(JSON.stringify({ model: embeddedModel, input: text })));
    expect(completed?.responseHash).toBe(sha256(answer.bytes));
    expect(completed?.usage.inputTokens).toBe((answer.json as OpenAI.CreateEmbeddingResponse).usage.prompt_tokens);

    const { data: offers } = await stack.rest().get<{ data: { node: string; publicKey: string }[] }>('/v1/offers');
    const { publicKey } = offers.find(({ node }) => node === completed!.machine.node)!;
    expect(openReceipt(completed!.receipt!, publicKey)).toMatchObject({ record: id, requestHash: admitted!.requestHash, responseHash: completed!.responseHash, usage: completed!.usage });

    const charge = await eventually(`the charge of ${id}`, () => stack.rest().get<{ amountNanos: string; record: string }>(`/v1/charges/${id}`));
    expect(charge).toMatchObject({ record: id, amountNanos: completed!.chargeNanos });
    expect(JSON.stringify({ admitted, completed })).not.toContain(text);
  });

  it('comes with a proof that is verified by another program after everything here has ended', async () => {
    const id = recordIn(await embed(stack.rest(), text));
    await recordOf(stack.rest(), id);
    const proof = await stack.rest().get<{ entries: { entry: { type: string; envelope: string } }[] }>(`/v1/records/${id}/proof`);
    expect(proof.entries.map(({ entry }) => entry.type)).toEqual(['admitted', 'completed']);
    const file = join(proofs, 'proof.json');
    writeFileSync(file, JSON.stringify(proof));
    const { logKey } = await stack.rest().get<{ logKey: string }>('/v1/audit/checkpoint');
    const bundle = join(proofs, 'bundle.json');
    expect(await stack.mizan('audit', 'bundle', id, '--api', stack.run.api, '--key', stack.run.key, '--out', bundle)).toMatchObject({ code: 0 });
    expect(await stack.stop()).toBe(0);

    const whole = await stack.mizan('audit', 'verify', bundle, '--log-key', logKey);
    expect([whole.code, whole.stdout]).toEqual([0, expect.stringMatching(/holds +receipt[^]*known +the charge[^]*valid/)]);
    const again = await stack.mizan('audit', 'replay', bundle, '--json');
    expect([again.code, JSON.parse(again.stdout)]).toEqual([0, expect.objectContaining({ record: id, result: 'same', differences: [] })]);
    writeFileSync(bundle, readFileSync(bundle, 'utf8').replace(/"chargeNanos":"(.)/, (_, digit: string) => `"chargeNanos":"${digit === '1' ? '2' : '1'}`));
    const changed = await stack.mizan('audit', 'verify', bundle, '--log-key', logKey);
    expect([changed.code, changed.stdout]).toEqual([1, expect.stringMatching(/BROKEN +entry \d+ +its body is not the one/)]);

    const genuine = await stack.mizan('verify', '--proof', file);
    expect(genuine).toMatchObject({ code: 0, stdout: expect.stringContaining(id) });

    const forged = join(proofs, 'forged.json');
    const envelope = Buffer.from(proof.entries[1]!.entry.envelope, 'base64');
    envelope[envelope.length >> 1]! ^= 1;
    writeFileSync(forged, readFileSync(file, 'utf8').replace(proof.entries[1]!.entry.envelope, envelope.toString('base64')));
    expect((await stack.mizan('verify', '--proof', forged)).code).toBe(1);
  }, 300_000);
});
