import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { anywhere, foundEnterprise } from './enterprise.js';
import { eventually } from './eventually.js';
import { oneStack } from './one-stack.js';
import { embed, recordIn, recordOf } from './requests.js';
import { stackMs } from './standalone-stack.js';
import type { StandaloneStack } from './standalone-stack.js';

let stack: StandaloneStack;
let directory: string;
/** The record that is proven, and all that is kept of it: made before anything else is done to the stack. */
let id: string;
let proof: { entries: { entry: { type: string; envelope: string } }[] };
let logKey: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'mizan-proofs-'));
  stack = await oneStack();
  const house = await foundEnterprise(stack, 'A house with a proof', { policy: anywhere, budgetNanos: 1_000_000_000n });
  const { developer, developerKey } = house;
  id = recordIn(await embed(developer, 'The scales do not lie.'));
  await recordOf(developer, id);
  proof = await developer.get(`/v1/records/${id}/proof`);
  logKey = (await developer.get<{ logKey: string }>('/v1/audit/checkpoint')).logKey;
  const fetched = async (record: string, name: string): Promise<void> => {
    await recordOf(developer, record);
    expect(await stack.mizan('audit', 'bundle', record, '--api', stack.run.api, '--key', developerKey, '--out', join(directory, name))).toMatchObject({ code: 0 });
  };
  await fetched(id, 'bundle.json');
  await fetched(recordIn(await embed(developer, 'Weigh this in secret.', { 'x-mizan-data-class': 'restricted' })), 'refused.json');
  await house.admin.put(`/v1/organisations/${house.tenant}/projects/${house.project}/limits`, { cacheSeconds: 600 });
  const hit = await eventually('an answer to be kept', async () => {
    const answer = await embed(developer, 'The very same scales.');
    return answer.headers.get('x-mizan-cache') === 'hit' ? answer : undefined;
  });
  await fetched(recordIn(hit), 'reused.json');
  expect(await stack.mizan('audit', 'keys', '--api', stack.run.api, '--key', developerKey, '--out', join(directory, 'log-keys.json'))).toMatchObject({ code: 0 });
}, stackMs);

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('the record of a request, when everything here has ended', () => {
  it('has a proof that is verified by another program', async () => {
    const [bundle, file, forged] = ['bundle.json', 'proof.json', 'forged.json'].map((name) => join(directory, name)) as [string, string, string];
    expect(proof.entries.map(({ entry }) => entry.type)).toEqual(['admitted', 'completed']);
    writeFileSync(file, JSON.stringify(proof));
    expect(await stack.stop()).toBe(0);

    const whole = await stack.mizan('audit', 'verify', bundle, '--log-key', logKey);
    expect([whole.code, whole.stdout]).toEqual([0, expect.stringMatching(/holds +receipt[^]*known +the charge[^]*valid/)]);
    const again = await stack.mizan('audit', 'replay', bundle, '--json');
    expect([again.code, JSON.parse(again.stdout)]).toEqual([0, expect.objectContaining({ record: id, result: 'same', differences: [] })]);
    for (const [name, refusal] of [['refused.json', 'POLICY_DENIED'], ['reused.json', null]] as const) {
      const replayed = await stack.mizan('audit', 'replay', join(directory, name), '--json');
      expect([name, replayed.code, JSON.parse(replayed.stdout)]).toEqual([name, 0, expect.objectContaining({ result: 'same', refusal, differences: [] })]);
    }
    const keys = await stack.mizan('audit', 'verify-keys', join(directory, 'log-keys.json'), '--log-key', logKey);
    expect([keys.code, keys.stdout.trim()]).toEqual([0, `holds   ${logKey}, now (the one that you know)`]);
    expect((await stack.mizan('audit', 'verify', join(directory, 'reused.json'), '--log-key', logKey, '--key-history', join(directory, 'log-keys.json'))).code).toBe(0);
    writeFileSync(bundle, readFileSync(bundle, 'utf8').replace(/"chargeNanos":"(.)/, (_, digit: string) => `"chargeNanos":"${digit === '1' ? '2' : '1'}`));
    const changed = await stack.mizan('audit', 'verify', bundle, '--log-key', logKey);
    expect([changed.code, changed.stdout]).toEqual([1, expect.stringMatching(/BROKEN +entry \d+ +its body is not the one/)]);

    const genuine = await stack.mizan('verify', '--proof', file);
    expect(genuine).toMatchObject({ code: 0, stdout: expect.stringContaining(id) });

    const envelope = Buffer.from(proof.entries[1]!.entry.envelope, 'base64');
    envelope[envelope.length >> 1]! ^= 1;
    writeFileSync(forged, readFileSync(file, 'utf8').replace(proof.entries[1]!.entry.envelope, envelope.toString('base64')));
    expect((await stack.mizan('verify', '--proof', forged)).code).toBe(1);
  });
});
