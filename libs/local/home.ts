import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { LocalError } from './local.errors.js';

/** Grows by one when what lies under `.mizan/` can no longer be read by newer code. */
export const homeLayout = 1;

const stampFile = 'layout.json';
/** What the set-up and the tests put there before the layout stamp exists. */
const setupFiles = new Set(['setup.json', 'test', 'log', 'nats-server', 'nats-server.lock']);

/** The directory that holds everything of the local stack: data, keys, logs, addresses. */
export class Home {
  readonly root: string;
  constructor(root: string) {
    this.root = resolve(root);
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  /** The path of a directory, made if it is not there. */
  directory(...parts: string[]): string {
    const path = this.path(...parts);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** The JSON value kept in a file, or undefined if there is none. Error: `LocalError` for a file that is not JSON. */
  readJson<T>(...parts: string[]): T | undefined {
    const path = this.path(...parts);
    if (!existsSync(path)) return undefined;
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as T;
    } catch (error) {
      throw new LocalError(`${path} is damaged (not JSON). Start afresh with: npm start -- --reset`, { cause: error });
    }
  }

  /** Replaces a JSON file in one step; readable by its owner only. */
  writeJson(value: unknown, ...parts: string[]): void {
    writePrivate(this.path(...parts), `${JSON.stringify(value, null, 2)}\n`);
  }
}

/** Writes a file that only its owner may read (0600), replacing an older one in one step. */
export function writePrivate(path: string, text: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  const next = `${path}.${process.pid}.next`;
  writeFileSync(next, text, { mode: 0o600 });
  chmodSync(next, 0o600);
  renameSync(next, path);
}

/** Opens or makes a home. Error: `LocalError` when it was written by an incompatible version. */
export function openHome(root: string): Home {
  const home = new Home(root);
  mkdirSync(home.root, { recursive: true });
  const stamp = home.readJson<{ layout: number }>(stampFile);
  const older = stamp === undefined && readdirSync(home.root).some((name) => !setupFiles.has(name));
  if (older || (stamp !== undefined && stamp.layout !== homeLayout)) {
    throw new LocalError(
      `${home.root} was written by another version of Mizan (layout ${stamp?.layout ?? 'unknown'}; this one reads ${homeLayout}). ` +
        'Keep it by starting the version that wrote it, or throw its data away with: npm start -- --reset',
    );
  }
  if (stamp === undefined) home.writeJson({ layout: homeLayout }, stampFile);
  return home;
}
