import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ed25519Cosigner, type Cosigner } from '#merkle';
import { replaceFile } from '../durable-file.js';

/** The witness's key in its directory, made at the first start; only its owner may read the file. Error: the file is no seed. */
export async function witnessKey(directory: string, name: string): Promise<Cosigner> {
  const path = join(directory, 'key');
  const seed = readSeed(path);
  if (seed !== undefined) return ed25519Cosigner(name, seed);
  const made = randomBytes(32);
  await replaceFile(path, `${made.toString('hex')}\n`);
  return ed25519Cosigner(name, new Uint8Array(made));
}

function readSeed(path: string): Uint8Array | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim();
    if (!/^[0-9a-f]{64}$/.test(text)) throw new Error(`${path} does not hold a key: 64 hexadecimal digits`);
    return new Uint8Array(Buffer.from(text, 'hex'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
