import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ed25519Signer, formatVerifierKey, nodeCrypto, openKeyHistory, signCheckpoint, signNote } from '#merkle';
import { historyOf } from '../../../libs/merkle/key-history-harness.js';
import { ExportFile, generateSealKeys, manifestHash, manifestNoteText, openRecordBody, Sealer, sealRecord } from '#protocol';
import type { ExportedEntry, ExportFormat, ExportManifest } from '#protocol';
import { KnownKeys } from '../verify/known-keys.js';
import { verifyExports } from './verify-exports.js';

const signer = ed25519Signer('mizan.example/audit', new Uint8Array(32).fill(5));
const logKey = formatVerifierKey(signer.key);
const tenant = { tenant: randomUUID(), pseudonym: 'ab'.repeat(32) };
const keys = generateSealKeys();
const sealer = new Sealer(keys.publicKey, randomUUID());

const entry = (index: number, previous: number | null): ExportedEntry => {
  const record = sealRecord({ id: randomUUID(), type: 'refused', timeMs: 1, fields: { note: `line\r\n${index},1`, model: 'm' }, facts: null }, tenant, sealer);
  const { secret, fields } = openRecordBody(record.id, record.type, record.body!, keys.privateKey);
  return { index, previous, id: record.id, type: record.type, timeMs: 1, tenant: tenant.tenant, envelope: record.envelope, fields, opening: { secret } };
};

describe('exports with manifests', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'mizan-exports-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const put = (name: string, after: number | null, entries: readonly ExportedEntry[], format: ExportFormat = 'jsonl'): void => {
    const file = new ExportFile(format);
    const checkpoint = signCheckpoint({ origin: signer.key.name, size: 100, root: new Uint8Array(32) }, signer);
    const text = file.head({ export: null, tenant: tenant.tenant, after, limit: 9, until: 100, checkpoint, logKey }) + file.page(entries) + file.end(null);
    const manifest: ExportManifest = { ...file.facts(name), id: randomUUID(), organisation: tenant.tenant, next: null, logSize: 100, checkpoint, madeAtMs: 1 };
    writeFileSync(join(dir, name), text);
    writeFileSync(join(dir, name.replace(/(\.ocsf)?\.(jsonl|csv)$/, '.manifest.json')), JSON.stringify({ format: 'mizan-export/1', manifest, note: signNote(manifestNoteText(signer.key.name, manifest, manifestHash(manifest)), signer), logKey }));
  };
  const problems = (): readonly string[] => verifyExports([dir], KnownKeys.given(logKey)).problems.map((problem) => problem.replaceAll(`${dir}/`, ''));

  it('hold when they go on from each other, in each format', () => {
    put('a.jsonl', null, [entry(4, null), entry(9, 4)]);
    put('b.jsonl', 9, [entry(11, 9)]);
    put('c.csv', null, [entry(4, null), entry(9, 4)], 'csv');
    put('d.ocsf.jsonl', null, [entry(4, null)], 'ocsf');
    expect(verifyExports([dir], KnownKeys.given(logKey))).toMatchObject({ problems: [], doubts: [], files: 4, entries: 6, streams: expect.arrayContaining([{ organisation: tenant.tenant, format: 'jsonl', after: null, last: 11, logSize: 100 }]) as unknown });
  });

  it('name a gap between files and one within, a file that is missing, and one that nothing was signed for', () => {
    put('a.jsonl', null, [entry(4, null), entry(9, 5)]);
    put('b.jsonl', 11, [entry(12, 11)]);
    writeFileSync(join(dir, 'e.jsonl'), '');
    expect(problems()).toEqual(['a.manifest.json: a gap before entry 9: the one before it is 5, and what is there ends at 4', 'b.manifest.json: a gap: it begins after entry 11, and the files before it end with 9', 'e.jsonl: there is no manifest of it']);
    rmSync(join(dir, 'a.jsonl'));
    expect(problems()[0]).toBe('a.manifest.json: the file that it is of (a.jsonl) is not beside it');
  });

  it('name a changed file, a changed manifest, one of another log, and a body that is not what was committed to', () => {
    put('a.jsonl', null, [entry(4, null), { ...entry(9, 4), fields: { note: 'another' } }]);
    expect(problems()).toEqual(['a.manifest.json: entry 9: what is told of it is not what its envelope commits to']);
    writeFileSync(join(dir, 'a.jsonl'), readFileSync(join(dir, 'a.jsonl'), 'utf8').replace('"model":"m"', '"model":"n"'));
    expect(problems()).toEqual([expect.stringContaining('a.jsonl is not the file that was signed')]);
    const text = readFileSync(join(dir, 'a.manifest.json'), 'utf8');
    writeFileSync(join(dir, 'a.manifest.json'), text.replace('"entries":2', '"entries":1'));
    expect(problems()).toEqual(['a.manifest.json: the signed note is of another manifest', 'a.jsonl: there is no manifest of it']);
    expect(() => verifyExports([join(dir, 'none')], KnownKeys.given(logKey))).toThrow(/ENOENT/);
    writeFileSync(join(dir, 'a.manifest.json'), text);
    const other = formatVerifierKey(ed25519Signer('mizan.example/audit', new Uint8Array(32).fill(6)).key);
    expect(verifyExports([join(dir, 'a.manifest.json')], KnownKeys.given(other)).problems).toEqual([expect.stringContaining('has not signed it')]);
  });

  it('are in doubt under a key that the log had: whoever has it may have signed them since', () => {
    put('a.jsonl', null, [entry(4, null)]);
    const next = ed25519Signer(signer.key.name, new Uint8Array(32).fill(9));
    const given = (at: number) => verifyExports([dir], new KnownKeys(next.key, openKeyHistory(nodeCrypto, JSON.stringify(historyOf([{ from: signer, to: next, at }])), next.key)));
    const under = (at: number): readonly string[] => given(at).problems;
    expect(verifyExports([dir], new KnownKeys(next.key)).problems).toEqual([expect.stringContaining('has not signed it'), expect.stringContaining('no manifest')]);
    expect(given(1_000)).toMatchObject({ problems: [], doubts: [expect.stringMatching(/a\.manifest\.json: .*may have signed it since.*Export the same entries again/)] });
    expect(under(100)).toEqual([expect.stringContaining('at 100 entries the log had another root'), expect.stringContaining('no manifest')]);
    expect(under(99)).toEqual([expect.stringContaining('gave up at 99 entries, and is of 100'), expect.stringContaining('no manifest')]);
  });
});
