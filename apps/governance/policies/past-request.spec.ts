import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { contextOf, principalOf } from '#policy';
import type { DecisionFields, OfferEntry, PriceEntry } from '#protocol';
import { decisionOf, offersFor } from './past-request.js';

const principal = { keyId: randomUUID(), project: randomUUID(), role: 'developer' };
const decision: DecisionFields = {
  principal, model: 'm', endpoint: 'embeddings', declaredClass: 'public', dataClass: 'confidential', findings: [{ kind: 'email', count: 3 }],
  purpose: null, subject: 'someone', subjectRegion: 'EU', dataset: null, tags: ['sender:a@b.example'], policyVersion: 4, policyHash: null,
  decision: 'permit', policies: [], permittedOffers: 1, consideredOffers: 2, durability: 'one-replica',
};
const offer = (more: Partial<OfferEntry> = {}): OfferEntry => ({
  id: randomUUID(), node: randomUUID(), nodeName: 'n', network: 'mizan', model: 'm', endpoints: ['embeddings'], region: 'eu-dublin', country: 'IE',
  jurisdiction: 'EU', evidence: 'contract', isolation: 'none', publicKey: '', capacity: 1, state: 'up', changedAtMs: 0, publicUrl: null, ...more,
});

describe('a past request', () => {
  it('is read from a record beside whatever else the record holds', () => {
    expect(decisionOf({ secret: '', fields: { ...decision, machine: { node: 'x' } } })).toEqual({ decision, hidden: [] });
    expect(decisionOf({ secret: '', fields: { usage: 1 } })).toBeUndefined();
  });

  it('stands before the policies as it did then', () => {
    expect(principalOf('tenant', decision)).toEqual({ id: principal.keyId, organisation: 'tenant', project: principal.project, role: 'developer' });
    expect(contextOf(decision)).toEqual({
      dataClass: 'confidential', findings: ['email'], personalData: true, purpose: undefined, subjectRegion: 'EU', dataset: undefined,
      tags: ['sender:a@b.example'], model: 'm', endpoint: 'embeddings',
    });
    expect(contextOf({ ...decision, findings: [] }).personalData).toBe(false);
  });

  it('meets the priced offers of its model and endpoint, up or down', () => {
    const [good, down, unpriced] = [offer(), offer({ state: 'down' }), offer()];
    const price = { inputNanosPerMillion: 20n } as PriceEntry;
    const found = offersFor(decision, [good, down, unpriced, offer({ model: 'other' }), offer({ endpoints: ['chat.completions'] })], (id) => (id === unpriced.id ? undefined : price));
    expect(found.map(({ id }) => id)).toEqual([good.id, down.id]);
    expect(found[0]!.facts).toEqual({
      region: 'eu-dublin', country: 'IE', jurisdiction: 'EU', network: 'mizan', model: 'm', evidence: 'contract', isolation: 'none', priceNanosPerMillion: 20,
    });
  });
});
