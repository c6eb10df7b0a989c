import type { BundleCrypto } from './bundle-crypto.js';
import { notesBy } from './bundle-crypto.js';
import { fromBase64, toBase64 } from './bytes.js';
import type { Hash } from './hash.js';
import { hashBytes } from './hash.js';
import { Malformed } from './malformed.js';
import { openNote, parseNote, signNote, type NoteSigner } from './note.js';
import { decimalPosition } from './subtrees.js';
import { formatVerifierKey, parseVerifierKey, SignatureType, type VerifierKey } from './verifier-key.js';

/** That a log goes on under another key: the former one signs nothing above this size. */
export interface KeyChange {
  readonly former: VerifierKey;
  readonly next: VerifierKey;
  /** The highest head that was signed under the former key. */
  readonly size: number;
  readonly root: Uint8Array;
}

/** The text of the note; no checkpoint reads like it, whose second line is a number. */
const textOf = ({ former, next, size, root }: KeyChange): string => [`${next.name}/key`, formatVerifierKey(former), formatVerifierKey(next), size, toBase64(root), ''].join('\n');

/** The note of a change, signed by both keys, or by the next alone where the former is lost. Error: `Malformed` when they are of two logs. */
export function signKeyChange({ size, root }: Pick<KeyChange, 'size' | 'root'>, former: VerifierKey, ...signers: readonly NoteSigner[]): string {
  const next = signers.at(-1)!.key;
  if (former.name !== next.name) throw new Malformed('a log keeps its name when its key changes');
  return signNote(textOf({ former, next, size, root }), ...signers);
}

/**
 * Reads the note of a change. `isAgreed`: the former key signed it too; else it is the word of the next alone. Error: `Malformed`, also when the next key has not signed, or
 * a signature of either is wrong.
 */
export function openKeyChange(crypto: BundleCrypto, note: string): KeyChange & { readonly isAgreed: boolean } {
  const parsed = parseNote(note);
  const change = changeIn(crypto.hash, parsed.text);
  const { signedBy } = openNote(parsed, [change.former, change.next], notesBy(crypto.verify));
  if (!signedBy.includes(change.next)) throw new Malformed('the next key has not signed that it is the next');
  return { ...change, isAgreed: signedBy.includes(change.former) };
}

function changeIn(hash: Hash, text: string): KeyChange {
  const [first, formerText = '', nextText = '', sizeText = '', rootText = '', ...rest] = text.split('\n');
  const [former, next] = [parseVerifierKey(hash, formerText), parseVerifierKey(hash, nextText)];
  if (rest.join() !== '' || rest.length !== 1 || first !== `${next.name}/key`) throw new Malformed('the note is none of a change of key');
  if (former.name !== next.name || former.type !== SignatureType.ed25519 || next.type !== SignatureType.ed25519) throw new Malformed('the keys are not two of one log');
  if (former.keyId === next.keyId) throw new Malformed('the next key is the former one');
  const size = decimalPosition(sizeText);
  if (size === undefined) throw new Malformed('the size of a change is decimal');
  const root = rootOf(rootText);
  return { former, next, size, root };
}

function rootOf(text: string): Uint8Array {
  try {
    const root = fromBase64(text);
    if (root.length === hashBytes) return root;
  } catch {
    // Falls through to the one error of this function.
  }
  throw new Malformed(`the root of a change is ${hashBytes} bytes in base64`);
}
