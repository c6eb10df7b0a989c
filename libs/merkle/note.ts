import { concat, fromBase64, fromHex, fromUtf8, toBase64, toHex, toUtf8 } from './bytes.js';
import { Malformed } from './malformed.js';
import { isKeyName, type VerifierKey } from './verifier-key.js';

/** One signature line of a note. */
export interface NoteSignature {
  readonly name: string;
  /** 8 hexadecimal digits. */
  readonly keyId: string;
  readonly signature: Uint8Array;
}

/** C2SP signed note: `text` ends in a newline and is what the signatures cover. */
export interface Note {
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** Signs bytes with the private key that belongs to `key`. */
export interface NoteSigner {
  readonly key: VerifierKey;
  readonly sign: (message: Uint8Array) => Uint8Array;
}

/** Checks one signature of a known key over the text of a note. */
export type VerifySignature = (key: VerifierKey, text: string, signature: Uint8Array) => boolean;

/** More signatures than any quorum needs, few enough that checking them is cheap (64 × 0.1 ms). */
const signatureCountMax = 64;
const dash = '\u2014';

/** Error: `Malformed` when the bytes are not a signed note. */
export function parseNote(note: string | Uint8Array): Note {
  const whole = textOf(note);
  // eslint-disable-next-line no-control-regex
  if (/[\x00-\x09\x0b-\x1f]/.test(whole)) throw new Malformed('a note holds no control characters');
  const split = whole.lastIndexOf('\n\n');
  if (split < 0 || !whole.endsWith('\n')) throw new Malformed('a note is a text, an empty line and signature lines');
  const lines = whole.slice(split + 2, -1).split('\n');
  if (lines.length > signatureCountMax) throw new Malformed(`more than ${signatureCountMax} signatures`);
  return { text: whole.slice(0, split + 1), signatures: lines.map(parseSignatureLine) };
}

export function formatNote(note: Note): string {
  return `${note.text}\n${note.signatures.map(formatSignature).join('')}`;
}

/** One signature line, with its newline. */
export function formatSignature({ name, keyId, signature }: NoteSignature): string {
  return `${dash} ${name} ${toBase64(concat(fromHex(keyId), signature))}\n`;
}

/** The note over `text` (which must end in a newline) with one Ed25519 signature a signer. Error: `Malformed`. */
export function signNote(text: string, ...signers: readonly NoteSigner[]): string {
  const message = toUtf8(text);
  const signatures = signers.map(({ key, sign }) => ({ name: key.name, keyId: key.keyId, signature: sign(message) }));
  const note = formatNote({ text, signatures });
  if (parseNote(note).text !== text) throw new Malformed('the text of a note ends in one newline');
  return note;
}

/**
 * Opens a note: the text with the keys whose signatures hold. Signatures of unknown keys are ignored; a wrong signature of
 * a known key rejects the whole. Error: `Malformed`, also when no known key has signed.
 */
export function openNote(
  note: string | Uint8Array | Note,
  keys: readonly VerifierKey[],
  verify: VerifySignature,
): { readonly text: string; readonly signedBy: readonly VerifierKey[] } {
  const { text, signatures } = typeof note === 'string' || note instanceof Uint8Array ? parseNote(note) : note;
  const signedBy = new Set<VerifierKey>();
  for (const { name, keyId, signature } of signatures) {
    const key = keys.find((known) => known.name === name && known.keyId === keyId);
    if (key === undefined) continue;
    if (!verify(key, text, signature)) throw new Malformed(`the signature of ${name} is wrong`);
    signedBy.add(key);
  }
  if (signedBy.size === 0) throw new Malformed('no known key has signed the note');
  return { text, signedBy: [...signedBy] };
}

function textOf(note: string | Uint8Array): string {
  try {
    const text = typeof note === 'string' ? note : fromUtf8(note);
    // A string with half a surrogate pair has no UTF-8 form; most have none at all, which is soon seen.
    if (!/[\ud800-\udfff]/.test(text) || !/\p{Cs}/u.test(text)) return text;
  } catch {
    // Falls through to the one error of this function.
  }
  throw new Malformed('a note is UTF-8 text');
}

function parseSignatureLine(line: string): NoteSignature {
  const [mark, name, encoded, ...rest] = line.split(' ');
  if (mark !== dash || name === undefined || encoded === undefined || rest.length > 0 || !isKeyName(name)) {
    throw new Malformed('a signature line reads: dash, name, base64');
  }
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(encoded);
  } catch {
    throw new Malformed('a signature is base64');
  }
  if (bytes.length < 5) throw new Malformed('a signature is a key id and at least one byte');
  return { name, keyId: toHex(bytes.subarray(0, 4)), signature: bytes.slice(4) };
}
