import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { failure, openStoredBody, withPerson } from '#protocol';
import { ExampleWorld, ManualClock, MemoryLog, exampleJob, permitAll, sealKeys, tenant, uuidOf } from '../examples.js';
import { EndlessLeases, examplePipeline, personKeyId, personKeys } from './pipeline-harness.js';
import { Persons } from './persons.js';

const salted = { ...tenant, personSalt: Buffer.alloc(32, 1).toString('base64') };

describe('a pseudonym', () => {
  const persons = new Persons('a pepper for tests', () => Promise.reject(new Error('not asked')), new ManualClock());

  it('is the same for the same person of an organisation, and for nobody else', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        expect(persons.pseudonym(salted, one)).toMatch(/^[0-9a-f]{64}$/);
        expect(persons.pseudonym(salted, one) === persons.pseudonym(salted, other)).toBe(one === other);
      }),
    );
    const elsewhere = { ...salted, tenant: uuidOf(8), personSalt: Buffer.alloc(32, 2).toString('base64') };
    expect(persons.pseudonym(elsewhere, 'c-17')).not.toBe(persons.pseudonym(salted, 'c-17'));
  });

  it('takes the pepper as well: who has the replicas alone can try no guess', () => {
    const other = new Persons('another pepper', () => Promise.reject(new Error('not asked')), new ManualClock());
    expect(other.pseudonym(salted, 'c-17')).not.toBe(persons.pseudonym(salted, 'c-17'));
  });

  it('is not made up where the organisation has no salt yet', () => {
    expect(() => persons.pseudonym(tenant, 'c-17')).toThrow(expect.objectContaining({ code: 'STARTING' }));
    expect(persons.named(tenant, exampleJob().declared).subject).toBeNull();
  });
});

describe('the key of a person', () => {
  it('is asked for once, and anew after an erasure in the organisation or an hour', async () => {
    const clock = new ManualClock();
    let asked = 0;
    const persons = new Persons('a pepper for tests', () => Promise.resolve({ keyId: uuidOf((asked += 1)), publicKey: personKeys.publicKey.toString('base64') }), clock);
    const keyNow = async (entry = salted, person = 'p1'): Promise<string> => (await persons.sealerOf(entry, person)).sealKeyId;
    expect([await keyNow(), await keyNow()]).toEqual([uuidOf(1), uuidOf(1)]);
    expect([await keyNow(salted, 'p2'), await keyNow({ ...salted, tenant: uuidOf(9) })]).toEqual([uuidOf(2), uuidOf(3)]);
    const later = { ...salted, erasures: 1 };
    expect([await keyNow(later), await keyNow(later)]).toEqual([uuidOf(4), uuidOf(4)]);
    clock.ms += 3_600_000;
    expect(await keyNow(later)).toBe(uuidOf(5));
  });
});

describe('a request about a person', () => {
  let log: MemoryLog;
  const declared = { ...exampleJob().declared, subject: 'cd'.repeat(32), tags: ['sender:a@b.org'] };
  const run = (more: object, issuer = new EndlessLeases()) => {
    const world = new ExampleWorld();
    world.offer(1, {});
    world.policy(permitAll);
    const { pipeline } = examplePipeline(world, log, new ManualClock(), issuer, (request) =>
      Promise.resolve({ status: 200, contentType: 'application/json', body: Buffer.from(`{"from":"${request.offer}"}`), usage: { inputTokens: 7, outputTokens: 0 }, receipt: { bytes: 'AA==', signature: 'AA==' } }),
    );
    return pipeline.run(exampleJob(more));
  };
  const bodyOf = (type: string) => {
    const record = log.records.find((one) => one.type === type)!;
    return { record, stored: openStoredBody(record.id, record.type, record.body!, sealKeys.privateKey) };
  };

  beforeEach(() => void (log = new MemoryLog()));

  it('is recorded with what names them under their key; the end of it names nobody', async () => {
    await run({ declared });
    const { record, stored } = bodyOf('admitted');
    expect(stored.person!.sealed.sealKeyId).toBe(personKeyId);
    expect(stored.fields).not.toHaveProperty('tags');
    expect(withPerson(record.id, record.type, stored, personKeys.privateKey).fields).toMatchObject({ subject: declared.subject, tags: declared.tags, decision: 'permit' });
    expect(bodyOf('completed').stored.person).toBeUndefined();
  });

  it('is recorded so when it is refused', async () => {
    await expect(run({ declared }, Object.assign(new EndlessLeases(), { acquire: () => Promise.reject(failure('BUDGET_EXHAUSTED', 'the budget is spent')) }))).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
    expect(bodyOf('refused').stored.person!.sealed.sealKeyId).toBe(personKeyId);
  });

  it('is as every other where nobody is named', async () => {
    await run({ declared: { ...declared, subject: null } });
    expect(bodyOf('admitted').stored).toMatchObject({ fields: { tags: declared.tags, subject: null } });
    expect(bodyOf('admitted').stored.person).toBeUndefined();
  });
});
