import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { leafHash, RightEdge, rootOf, sha256, toHex, unpackBundle } from '#merkle';
import { operatorRecord, recordTypes, sealRecord, Sealer, generateSealKeys, type RecordType } from '#protocol';
import { batchOf } from './batch.js';
import { draftOf, entryKey, withoutDuplicates, type EntryDraft } from './entry.js';

const tenant = randomUUID();
const pseudonym = 'ab'.repeat(32);
const sealer = new Sealer(generateSealKeys().publicKey, randomUUID());
const pseudonymOf = (asked: string): string | undefined => (asked === tenant ? pseudonym : undefined);

const recordOf = (type: RecordType = 'admitted', id: string = randomUUID()) =>
  sealRecord({ id, type, timeMs: 1_700_000_000_000, fields: { model: 'm' }, facts: null }, { tenant, pseudonym }, sealer);
const draft = (type?: RecordType, id?: string) => draftOf(recordOf(type, id), pseudonymOf) as EntryDraft;

describe('a draft of an entry', () => {
  it('hashes the exact bytes of the envelope', () => {
    const record = recordOf();
    const bytes = Buffer.from(record.envelope, 'base64');
    expect(draftOf(record, pseudonymOf)).toMatchObject({ id: record.id, type: 'admitted', tenant, timeMs: 1_700_000_000_000, leaf: leafHash(sha256, bytes) });
  });

  it('takes the entries of the deployment itself', () => {
    const record = operatorRecord({ id: randomUUID(), type: 'price.set', timeMs: 0, fields: { nanos: '1' }, facts: null });
    expect(draftOf(record, pseudonymOf)).toMatchObject({ tenant: null, fields: { nanos: '1' } });
  });

  it.each(recordTypes)('takes what is said of %s, sealed or of the deployment', (type) => {
    expect(draftOf(recordOf(type), pseudonymOf)).toMatchObject({ type, tenant });
    expect(draftOf(operatorRecord({ id: randomUUID(), type, timeMs: 0, fields: {}, facts: null }), pseudonymOf)).toMatchObject({ type, tenant: null });
  });

  it('refuses an envelope that is not of its record', () => {
    const record = recordOf();
    expect(draftOf({ ...record, id: randomUUID() }, pseudonymOf)).toMatch('another record');
    expect(draftOf({ ...record, type: 'completed' }, pseudonymOf)).toMatch('another record');
    expect(draftOf({ ...record, tenant: null }, pseudonymOf)).toMatch('pseudonym');
    expect(draftOf({ ...record, tenant: randomUUID() }, pseudonymOf)).toMatch('pseudonym');
    expect(draftOf({ ...record, envelope: Buffer.from('{}').toString('base64') }, pseudonymOf)).toMatch('not one');
    expect(draftOf({ ...record, envelope: Buffer.alloc(65_536).toString('base64') }, pseudonymOf)).toMatch('65535');
  });
});

describe('a batch', () => {
  it('keeps the first of two deliveries and both types of one request', () => {
    const id = randomUUID();
    const drafts = [draft('admitted', id), draft('admitted', id), draft('completed', id), draft()];
    const known = new Set([entryKey(drafts[3]!)]);
    expect(withoutDuplicates(drafts, known)).toEqual([drafts[0], drafts[2]]);
  });

  it('numbers its entries without gaps and leaves the old edge alone', () => {
    const drafts = Array.from({ length: 13 }, () => draft());
    const edge = RightEdge.empty(sha256);
    const first = batchOf(edge, drafts.slice(0, 6));
    const second = batchOf(first.edge, drafts.slice(6));
    expect(edge.size).toBe(0);
    expect([...first.entries, ...second.entries].map(({ index }) => index)).toEqual(drafts.map((_, i) => i));
    expect([second.oldSize, second.size]).toEqual([6, 13]);
    expect(toHex(second.root)).toBe(toHex(rootOf(sha256, drafts.map(({ leaf }) => leaf))));
  });

  it('falls into pieces at the bounds of tiles, and names the hash over each tile it completes', () => {
    const one = draft();
    const drafts = Array.from({ length: 600 }, () => one);
    const before = batchOf(RightEdge.empty(sha256), drafts.slice(0, 100));
    const { pieces, tiles } = batchOf(before.edge, drafts);
    expect(before.tiles).toEqual([]);
    expect(pieces.map(({ first, entries, hashes }) => [first, unpackBundle(entries).length, hashes.length / 32])).toEqual([[100, 156, 156], [256, 256, 256], [512, 188, 188]]);
    const root = rootOf(sha256, Array.from({ length: 256 }, () => one.leaf));
    expect(tiles.map((tile) => ({ ...tile, root: toHex(tile.root) }))).toEqual([{ level: 0, index: 0, root: toHex(root) }, { level: 0, index: 1, root: toHex(root) }]);
  });
});
