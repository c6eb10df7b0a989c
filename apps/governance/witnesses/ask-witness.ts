import { formatAddCheckpoint, openNote, parseNote, parseTreeSize, verifySignature, type NoteSignature } from '#merkle';
import type { WitnessAddress } from './witness-list.js';

/** A witness keeps what it cosigns on disk before it answers. */
const answerMs = 10_000;
/** The first may tell the size, the second may meet another asker, the third is for a race with a second one. */
const triesMax = 3;

/** The checkpoint to be cosigned, and proofs that it continues older ones. */
export interface Submission {
  readonly note: string;
  readonly size: number;
  readonly proofFrom: (oldSize: number) => Promise<readonly Uint8Array[]>;
}

/** The witness has cosigned what this log does not continue: the log was rolled back, or there are two of it. */
export class WitnessRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WitnessRefused';
  }
}

/**
 * Asks a witness to cosign (C2SP tlog-witness). `lastSize`: what it is thought to have cosigned last. Errors: {@link WitnessRefused};
 * unreachable; `Malformed` when its signature is wrong.
 */
export async function askWitness({ url, key }: WitnessAddress, submission: Submission, lastSize: number): Promise<NoteSignature> {
  let oldSize = Math.min(lastSize, submission.size);
  for (let tries = 0; tries < triesMax; tries += 1) {
    const body = formatAddCheckpoint({ oldSize, proof: await submission.proofFrom(oldSize), checkpoint: submission.note });
    const response = await fetch(`${url}/add-checkpoint`, { method: 'POST', body, signal: AbortSignal.timeout(answerMs), redirect: 'error' });
    const text = await response.text();
    if (response.status === 200) return cosignatureIn(submission.note, text, key);
    if (response.status === 422) throw new WitnessRefused(`${key.name}: the log of ${submission.size} entries does not continue the ${oldSize} that it has cosigned`);
    if (response.status !== 409) throw new Error(`${key.name} answered ${response.status}`);
    const known = parseTreeSize(text);
    if (known > submission.size) throw new WitnessRefused(`${key.name} has cosigned ${known} entries and the log has ${submission.size}`);
    if (known === oldSize) throw new WitnessRefused(`${key.name} has cosigned another log of ${known} entries`);
    oldSize = known;
  }
  throw new Error(`${key.name} is asked by others at the same time`);
}

function cosignatureIn(note: string, lines: string, key: WitnessAddress['key']): NoteSignature {
  const whole = note + lines;
  openNote(whole, [key], verifySignature);
  return parseNote(whole).signatures.find(({ name, keyId }) => name === key.name && keyId === key.keyId)!;
}
