import { isWeakPoint } from '../kernel/ed25519-points.js';
import type { BundleCrypto } from './bundle-crypto.js';
import { fromHex, toHex } from './bytes.js';

/** Of WebCrypto's `SubtleCrypto`, what is used here: a browser's or Node's own. */
export interface Subtle {
  digest(algorithm: string, data: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
  importKey(format: 'raw', key: Uint8Array<ArrayBuffer>, algorithm: { name: string }, extractable: boolean, uses: readonly string[]): Promise<unknown>;
  verify(algorithm: { name: string }, key: never, signature: Uint8Array<ArrayBuffer>, data: Uint8Array<ArrayBuffer>): Promise<boolean>;
}

/** An answer that the work needs and that has yet to be computed. */
class Awaited {
  constructor(
    readonly question: string,
    readonly answer: () => Promise<Uint8Array | boolean>,
  ) {}
}

const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

/**
 * Runs work that is written for crypto that answers at once on WebCrypto, which does not: at each answer that is missing the work is
 * left, the answer computed, and the work begun again. It must be pure. A bundle takes some hundred answers, and begins as often.
 */
export async function withWebCrypto<T>(subtle: Subtle, work: (crypto: BundleCrypto) => T): Promise<T> {
  const answers = new Map<string, Uint8Array | boolean>();
  const ask = <A extends Uint8Array | boolean>(question: string, answer: () => Promise<A>): A => {
    const known = answers.get(question);
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- not an error: nothing but the loop below may catch it
    if (known === undefined) throw new Awaited(question, answer);
    return known as A;
  };
  const crypto: BundleCrypto = {
    hash: (bytes) => {
      const question = toHex(bytes);
      return ask(`hash ${question}`, async () => new Uint8Array(await subtle.digest('SHA-256', own(fromHex(question)))));
    },
    verify: (publicKey, message, signature) => ask(`verify ${[publicKey, signature, message].map(toHex).join(' ')}`, () => verified(subtle, publicKey, message, signature)),
  };
  for (;;) {
    try {
      return work(crypto);
    } catch (awaited) {
      if (!(awaited instanceof Awaited)) throw awaited;
      answers.set(awaited.question, await awaited.answer());
    }
  }
}

async function verified(subtle: Subtle, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  if (publicKey.length !== 32 || signature.length !== 64 || isWeakPoint(publicKey) || isWeakPoint(signature.subarray(0, 32))) return false;
  try {
    const key = await subtle.importKey('raw', own(publicKey), { name: 'Ed25519' }, false, ['verify']);
    return await subtle.verify({ name: 'Ed25519' }, key as never, own(signature), own(message));
  } catch (error) {
    // A key that is no point of the curve has signed nothing; that there is no Ed25519 here is another matter.
    if ((error as Error).name === 'NotSupportedError') throw error;
    return false;
  }
}
