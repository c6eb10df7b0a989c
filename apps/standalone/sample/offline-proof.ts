import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseVerifierKey, sha256, verifyProofFile, verifySignature } from '#merkle';
import { bodyMatchesEnvelope, parseEnvelope, recordProof } from '#protocol';
import { eventually } from './sample-api.js';
import type { SampleApi } from './sample-api.js';

export interface OfflineProof {
  readonly id: string;
  readonly file: string;
  /** What was proved of each entry: its kind and its place in the log. */
  readonly entries: readonly { readonly type: string; readonly index: number; readonly size: number }[];
}

/** Fetches the proof of a record into a file, then verifies the file alone. Error: what does not hold. */
export async function proveOffline(api: SampleApi, id: string, outDir: string): Promise<OfflineProof> {
  const proof = await eventually(`the proof of ${id}`, () => api.get(`/v1/records/${id}/proof`, recordProof));
  mkdirSync(outDir, { recursive: true });
  const file = join(outDir, `proof-${id}.json`);
  writeFileSync(file, `${JSON.stringify(proof, null, 2)}\n`);
  return { id, file, entries: verifyProof(readFileSync(file, 'utf8'), id) };
}

/** Checks every entry of a proof file: it is this record's, its body is what it commits to, it is in the signed log. */
export function verifyProof(text: string, id: string): OfflineProof['entries'] {
  const { entries, logKey } = recordProof.parse(JSON.parse(text));
  if (entries.length === 0) throw new Error(`the proof of ${id} holds no entry`);
  return entries.map(({ entry, proof }) => {
    const bytes = Buffer.from(entry.envelope, 'base64');
    const envelope = parseEnvelope(bytes);
    if (envelope.id !== id || envelope.type !== entry.type) throw new Error(`the entry is not of record ${id}`);
    if (entry.body && !bodyMatchesEnvelope(entry.body, envelope)) throw new Error(`the body of ${id} is not what its entry commits to`);
    const { index, checkpoint } = verifyProofFile(proof, bytes, { hash: sha256, verify: verifySignature, logKey: parseVerifierKey(sha256, logKey) });
    return { type: entry.type, index, size: checkpoint.size };
  });
}
