import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { formatVerifierKey, nodeCrypto, verifyBundle } from '#merkle';
import { exampleBundle, exampleLog, exampleText } from '../../../libs/merkle/bundle-harness.js';
import { proveOffline, withOneByteChanged } from './offline-bundle.js';
import type { SampleApi } from './sample-api.js';

const outDir = mkdtempSync(join(tmpdir(), 'mizan-sample-'));
afterAll(() => rmSync(outDir, { recursive: true }));

describe('the proof bundles of the sample', () => {
  it('are kept as they came, and checked as they are and with one byte changed', async () => {
    const logKey = formatVerifierKey(exampleLog.key);
    const api = { get: () => Promise.resolve({ logKey }), text: () => Promise.resolve(exampleText()) } as unknown as SampleApi;
    const verifyOffline = (file: string) => {
      const { result, checks } = verifyBundle(readFileSync(file, 'utf8'), nodeCrypto, { logKey: exampleLog.key });
      return Promise.resolve({ result, checks: checks.length, broken: checks.filter(({ holds }) => holds === false).map(({ name }) => name), network: 'none needed' });
    };
    const proof = await proveOffline(api, exampleBundle().record, { outDir, verifyOffline });
    expect(proof).toMatchObject({ size: 11, entries: [{ type: 'admitted', index: 6 }, { type: 'completed', index: 7 }], genuine: { result: 'valid', broken: [] }, changed: { result: 'invalid', broken: ['entry 6'] } });
  });

  it('differ from the changed ones in one byte', () => {
    const [text, changed] = [Buffer.from(exampleText()), Buffer.from(withOneByteChanged(exampleText()))];
    expect([changed.length, text.filter((byte, at) => byte !== changed[at]).length]).toEqual([text.length, 1]);
  });
});
