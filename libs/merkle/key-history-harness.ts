import { canonicalJson } from '#kernel';
import { commit } from '#protocol';
import { toBase64, toUtf8 } from './bytes.js';
import { signCheckpoint } from './checkpoint.js';
import { signKeyChange } from './key-change.js';
import type { KeyHistoryFile } from './key-history.js';
import { sha256 } from './node-crypto.js';
import type { NoteSigner } from './note.js';
import { consistencyProof, inclusionProof, leafHash, rootOf, type HashAt } from './tree.js';
import { formatVerifierKey } from './verifier-key.js';

/** A change of key. */
export interface Step {
  readonly from: NoteSigner;
  readonly to: NoteSigner;
  /** Entries that are in the log before the change. */
  readonly at: number;
  /** What the note says was signed last; as many as there are, unless said. */
  readonly size?: number;
  readonly by?: readonly NoteSigner[];
  readonly type?: string;
}

/** A log of these and small entries in which keys change, and the history that its operator hands out. */
export function historyOf(steps: readonly Step[], { newest = steps.at(-1)!.to, entry = 'entry', begin = [] }: { newest?: NoteSigner; entry?: string; begin?: readonly Uint8Array[] } = {}): KeyHistoryFile {
  const entries: Uint8Array[] = [...begin];
  const hashOf = (all: readonly Uint8Array[]): Uint8Array[] => all.map((one) => leafHash(sha256, one));
  const made = steps.map(({ from, to, at, size = at, by = [from, to], type = 'log-key.changed' }) => {
    while (entries.length < at) entries.push(toUtf8(`${entry} ${entries.length}`));
    const note = signKeyChange({ size, root: rootOf(sha256, hashOf(entries.slice(0, size))) }, from.key, ...by);
    const envelope = toUtf8(canonicalJson({ v: 1, id: `018f0000-0000-7000-8000-00000000000${at}`, type, time: '2026-01-01T00:00:00.000Z', tenant: 'operator', schema: `mizan.record.${type}/2`, root: commit(new Uint8Array(32), { note }).root }));
    entries.push(envelope);
    return { note, envelope, index: entries.length - 1, size };
  });
  entries.push(toUtf8('the last'));
  const leaves = hashOf(entries);
  const hashAt: HashAt = (level, index) => rootOf(sha256, leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));
  return {
    format: 'mizan-log-keys/1',
    logKey: formatVerifierKey(newest.key),
    checkpoint: signCheckpoint({ origin: newest.key.name, size: leaves.length, root: rootOf(sha256, leaves) }, newest),
    changes: made.map(({ note, envelope, index, size }) => ({
      ...{ note, index, envelope: toBase64(envelope), proof: inclusionProof(sha256, index, leaves.length, hashAt).map(toBase64) },
      consistency: (size === 0 ? [] : consistencyProof(sha256, size, leaves.length, hashAt)).map(toBase64),
    })),
  };
}
