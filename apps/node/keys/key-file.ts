import { chmodSync, closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { randomBytes } from 'node:crypto';

/** Makes the node's directory, readable by its owner only. */
export function openDirectory(directory: string): string {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return directory;
}

/** The text of a secret file, made once (mode 0600, durable) and never changed. */
export function secretFile(path: string, make: () => string): string {
  if (!existsSync(path)) createOnce(path, make());
  chmodSync(path, 0o600);
  return readFileSync(path, 'utf8');
}

/** Appears whole or not at all, and never replaces what another process made first. */
function createOnce(path: string, text: string): void {
  const draft = join(dirname(path), `.${randomBytes(6).toString('hex')}`);
  writeDurably(draft, text);
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
  syncDirectory(dirname(path));
}

/** Writes and syncs a new file of mode 0600. */
export function writeDurably(path: string, text: string): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Makes renames and links within a directory durable. */
export function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
