import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Replaces a file whole: whoever reads it, after a crash too, finds the old text or the new one. Durable when this resolves. */
export async function replaceFile(path: string, text: string | Uint8Array): Promise<void> {
  const draft = `${path}.tmp`;
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
