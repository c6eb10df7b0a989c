import type { Json } from '../kernel/canonical-json.js';
import type { BundleCrypto } from './bundle-crypto.js';
import { notesBy } from './bundle-crypto.js';
import { bytesOf, openEntry } from './bundle-entry.js';
import { exactly, listOf, position, text, type Shape } from './bundle-shape.js';
import { equalBytes, toBase64 } from './bytes.js';
import { openCheckpoint, type Checkpoint } from './checkpoint.js';
import { openKeyChange, type KeyChange } from './key-change.js';
import { Malformed, Missing } from './malformed.js';
import { isSameKey, parseVerifierKey, type VerifierKey } from './verifier-key.js';
import { verifyConsistency } from './verify.js';

/** The keys that a log had, with the proof that each change is an entry of the log that goes on. */
export interface KeyHistoryFile {
  readonly format: typeof keyHistoryFormat;
  /** Verifier key of the log now. */
  readonly logKey: string;
  /** The signed note that all proofs lead to. */
  readonly checkpoint: string;
  /** Oldest first. */
  readonly changes: readonly LoggedKeyChange[];
}

export interface LoggedKeyChange {
  /** Signed by both keys; the one field of the entry. */
  readonly note: string;
  readonly index: number;
  /** Base64. */
  readonly envelope: string;
  /** Base64 hashes, leaf to root. */
  readonly proof: readonly string[];
  /** Base64 hashes: the log continues what the former key signed last. */
  readonly consistency: readonly string[];
}

export const keyHistoryFormat = 'mizan-log-keys/1';

/** A key, and the last state of the log that it signed; undefined: it is the log's now. */
export interface DatedKey {
  readonly key: VerifierKey;
  readonly untilSize: number | undefined;
  readonly untilRoot: Uint8Array | undefined;
}

/** Keys that follow from one that the reader knows, oldest first. */
export interface KeyHistory {
  readonly keys: readonly DatedKey[];
}

const hashes = listOf(text);
const shape: Shape = exactly({
  format: (value, at) => {
    if (value !== keyHistoryFormat) throw new Malformed(`${at} is not ${keyHistoryFormat}`);
  },
  logKey: text,
  checkpoint: text,
  changes: listOf(exactly({ note: text, index: position, envelope: text, proof: hashes, consistency: hashes })),
});

/** So many changes are no log's life; more text is no such file. */
const charsMax = 1024 * 1024;

/** The operator's entries have it: their fields are public. */
const publicSecret = toBase64(new Uint8Array(32));

/** Error: `Malformed`, naming the member that is not what it must be. */
export function parseKeyHistory(file: string): KeyHistoryFile {
  if (file.length > charsMax) throw new Malformed(`a history of keys has at most ${charsMax} characters`);
  let value: Json;
  try {
    value = JSON.parse(file) as Json;
  } catch {
    throw new Malformed('the history of keys is not JSON');
  }
  shape(value, 'the history of keys');
  return value as unknown as KeyHistoryFile;
}

/**
 * The keys that follow, by signatures of both sides of each change, from the one that the reader knows, whichever of them it is. Every change must be an entry of the log that the newest key signs, and that
 * log must continue what the former key signed last. Error: `Malformed`, saying what does not hold.
 */
export function openKeyHistory(crypto: BundleCrypto, file: string, known: VerifierKey): KeyHistory {
  const { logKey, checkpoint, changes } = parseKeyHistory(file);
  const newest = parseVerifierKey(crypto.hash, logKey);
  const head = openCheckpoint(checkpoint, newest, notesBy(crypto.verify));
  const opened = changes.map((change, n) => inTurn(n, () => logged(crypto, change, head)));
  const keys: DatedKey[] = [{ key: newest, untilSize: undefined, untilRoot: undefined }];
  for (let n = opened.length - 1; n >= 0; n -= 1) {
    const { former, next, size, root, isAgreed } = opened[n]!;
    const after = keys[0]!;
    inTurn(n, () => {
      if (!isSameKey(next, after.key)) throw new Malformed(`it leads to ${next.keyId}, and what follows is under ${after.key.keyId}`);
      if (keys.some(({ key }) => isSameKey(key, former))) throw new Malformed(`the key ${former.keyId} was given up before`);
      if (size > (opened[n + 1]?.size ?? head.size)) throw new Malformed('it is of more entries than what follows it');
    });
    if (!isAgreed) {
      if (keys.some(({ key }) => isSameKey(key, known))) break;
      throw new Malformed(`change ${n + 1}: the key ${former.keyId} has not signed that ${next.keyId} follows it: that is the operator's word, as any key that is told anew`);
    }
    keys.unshift({ key: former, untilSize: size, untilRoot: root });
  }
  if (!keys.some(({ key }) => isSameKey(key, known))) throw new Malformed(`the history leads from ${keys[0]!.key.keyId} to ${newest.keyId}, and not to the key that you know (${known.keyId})`);
  return { keys };
}

/** A change whose entry is in the log under the head. Error: `Malformed`. */
function logged(crypto: BundleCrypto, { note, index, envelope, proof, consistency }: LoggedKeyChange, head: Checkpoint): KeyChange & { readonly isAgreed: boolean } {
  const change = openKeyChange(crypto, note);
  const { type, tenant } = openEntry(crypto, { index, envelope, proof, body: { secret: publicSecret, fields: { note } } }, head);
  if (type !== 'log-key.changed' || tenant !== 'operator') throw new Malformed(`entry ${index} (${type}) is none of a change of key`);
  if (index < change.size) throw new Malformed(`entry ${index} is before the last that the former key signed`);
  const holds = verifyConsistency(crypto.hash, { oldSize: change.size, oldRoot: change.root, size: head.size, root: head.root, proof: consistency.map((hash) => bytesOf(hash, 'the proof of consistency')) });
  if (!holds) throw new Malformed(`the log does not continue the ${change.size} entries that the former key signed last`);
  return change;
}

/** Names the change that does not hold. */
function inTurn<T>(n: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof Malformed ? new Malformed(`change ${n + 1}: ${error.message}`) : error;
  }
}

/** The reader's key of a log, by name and id, and up to which size it counts; undefined: it is none of these. */
export const datedKeyOf = ({ keys }: KeyHistory, key: VerifierKey): DatedKey | undefined => keys.find((one) => isSameKey(one.key, key));

/**
 * Whoever has a former key goes on to sign with it, small trees of his own too. Of what it signed, this takes the states that the log is known to have had: those of the changes. Errors: `Malformed` for more
 * entries than the key may have signed, or another root; `Missing` for a state in between, of which only its signature tells that the log had it.
 */
export function requireOfTheLog({ keys }: KeyHistory, dated: DatedKey, { size, root }: Pick<Checkpoint, 'size' | 'root'>): void {
  if (dated.untilSize === undefined) return;
  requireNotLater(dated, size);
  const known = keys.find(({ untilSize }) => untilSize === size);
  if (known === undefined) throw new Missing(`it is signed under the key ${dated.key.keyId}, which the log gave up at ${dated.untilSize} entries, and the log is not known to have had this state of ${size}: whoever has that key may have signed it since. Fetch it anew: it comes under the log's key now`);
  if (!equalBytes(known.untilRoot!, root)) throw new Malformed(`it is signed under the key ${dated.key.keyId}, and at ${size} entries the log had another root: whoever has that key signed it`);
}

/** A note of a former key's that is no state of the log: what it says of a state proves nothing of when it was signed. Errors: `Malformed` for a state of more entries than the key may have signed, else `Missing`. */
export function requireDated(dated: DatedKey, size: number, whatTells: string): void {
  if (dated.untilSize === undefined) return;
  requireNotLater(dated, size);
  throw new Missing(`it is signed under the key ${dated.key.keyId}, which the log gave up at ${dated.untilSize} entries: whoever has that key may have signed it since. ${whatTells}`);
}

function requireNotLater({ key, untilSize }: DatedKey, size: number): void {
  if (size > untilSize!) throw new Malformed(`it is signed under the key ${key.keyId}, which the log gave up at ${untilSize} entries, and is of ${size}: whoever has that key signed it afterwards`);
}
