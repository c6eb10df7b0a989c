import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SystemClock, SystemIds } from '#kernel';
import { formatBundle } from '#merkle';
import { bundleCalls, erasureCalls, governanceCalls, Sealer, sealRecord } from '#protocol';
import { eventually, GovernanceStack, nobody } from '../../apps/governance/governance-harness.js';
import { logAppendOnly } from '../../apps/cli/verify/log-append-only.js';
import { verifyOfflineBundle } from '../../apps/cli/verify/offline-bundle.js';
import { verifyOffline } from '../../apps/cli/verify/offline-proof.js';
import { ReadOnlyDatabase } from '../../apps/cli/verify/read-only-database.js';


const ids = new SystemIds(new SystemClock());
let stack: GovernanceStack;

beforeAll(async () => {
  stack = await GovernanceStack.start();
});
afterAll(() => stack?.stop());

describe('a log in which somebody was erased', () => {
  it('verifies as it did before: the whole of it by `mizan verify`, a bundle and a proof from before by `mizan audit verify`', async () => {
    const { caller } = stack;
    const entry = await stack.bank();
    const { tenant } = entry;
    const person = randomBytes(32).toString('hex');
    const { keyId, publicKey } = await caller.call(erasureCalls.personKey, { tenant, person });
    const id = ids.uuid();
    const seal = new Sealer(Buffer.from(entry.sealKey, 'base64'), entry.sealKeyId);
    await stack.publish(sealRecord({ id, type: 'refused', timeMs: Date.now(), fields: { subject: person, tags: ['a'], note: 'kept' }, facts: null }, entry, seal, new Sealer(Buffer.from(publicKey, 'base64'), keyId)));
    const proof = await eventually(() => caller.call(governanceCalls.proveRecord, { tenant, id }), 45_000);
    const { logKey } = proof;
    const before = formatBundle(await caller.call(bundleCalls.bundleRecord, { tenant, id }));
    const { size } = await caller.call(governanceCalls.checkpoint, {});

    const erased = await caller.call(erasureCalls.erase, { actor: nobody, tenant, person, basis: 'GDPR Art. 17(1)(b)', reference: null });
    await eventually(() => caller.call(governanceCalls.proveRecord, { tenant, id: erased.id }), 45_000);
    const after = formatBundle(await caller.call(bundleCalls.bundleRecord, { tenant, id, since: size }));
    for (const text of [before, after]) expect(verifyOfflineBundle(text, { logKey }).checks.filter(({ holds }) => holds === false)).toEqual([]);
    expect([before.includes(person), after.includes(person), after.includes('kept')]).toEqual([true, false, true]);
    expect(verifyOffline(JSON.stringify(proof), logKey).valid).toBe(true);
    expect(verifyOffline(JSON.stringify(await caller.call(governanceCalls.proveRecord, { tenant, id })), logKey).valid).toBe(true);

    const database = await ReadOnlyDatabase.connect(stack.database.adminUrl);
    try {
      const finding = await logAppendOnly.check({ snapshot: (look) => database.snapshot(look), streams: undefined, chain: undefined, signedHead: undefined, clock: new SystemClock() });
      expect(finding.problems).toEqual([]);
    } finally {
      await database.close();
    }
  });
});
