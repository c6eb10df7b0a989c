import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Makes this process the only one on a directory; gives what frees it again. A lock whose process is gone is taken over.
 * Error: another process has it.
 */
export function onlyProcessOn(directory: string): () => void {
  const path = join(directory, 'lock');
  for (let tries = 0; ; tries += 1) {
    try {
      const file = openSync(path, 'wx', 0o600);
      writeSync(file, String(process.pid));
      closeSync(file);
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const holder = Number(readFileSync(path, 'utf8'));
      if (tries > 0 || (holder !== process.pid && isAlive(holder))) throw new Error(`${directory} is in use by process ${holder}`, { cause: error });
      rmSync(path, { force: true });
    }
  }
}

function isAlive(process_: number): boolean {
  if (!Number.isInteger(process_) || process_ <= 0) return false;
  try {
    process.kill(process_, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
