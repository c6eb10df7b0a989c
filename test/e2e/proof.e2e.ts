import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { anywhere, foundEnterprise } from './enterprise.js';
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
  const { developer, developerKey } = await foundEnterprise(stack, 'A house with a proof', { policy: anywhere, budgetNanos: 1_000_000_000n });
  id = recordIn(await embed(developer, 'The scales do not lie.'));
  await recordOf(developer, id);
  proof = await developer.get(`/v1/records/${id}/proof`);
  logKey = (await developer.get<{ logKey: string }>('/v1/audit/checkpoint')).logKey;
  expect(await stack.mizan('audit', 'bundle', id, '--api', stack.run.api, '--key', developerKey, '--out', join(directory, 'bundle.json'))).toMatchObject({ code: 0 });
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
