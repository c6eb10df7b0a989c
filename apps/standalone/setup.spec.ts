import { describe, expect, it } from '@jest/globals';

interface Setup {
  machineProblem(machine: Record<string, unknown>): string | undefined;
  isComplete(wanted: object, present: object): boolean;
}
const setup = './setup.mjs';
const { machineProblem, isComplete } = (await import(setup)) as Setup;

describe('the set-up', () => {
  const good = { node: '20.19.0', platform: 'linux-x64', glibc: '2.36', freeBytes: 3 * 1024 ** 3, installed: false };

  it('accepts a machine that has all it needs', () => {
    expect(machineProblem(good)).toBeUndefined();
    expect(machineProblem({ ...good, platform: 'darwin-arm64', glibc: undefined, node: '24.1.0' })).toBeUndefined();
  });

  it.each([
    ['an old Node', { node: '20.18.3' }, /Node 20\.19 or later/],
    ['another platform', { platform: 'win32-x64' }, /win32-x64 is not supported/],
    ['a Linux without glibc', { glibc: undefined }, /glibc is needed/],
    ['a nearly full disk', { freeBytes: 1024 ** 3 }, /1\.0 GB free, about 2\.0 GB are needed/],
  ])('names %s before anything is installed', (_, change, problem) => {
    expect(machineProblem({ ...good, ...change })).toMatch(problem);
  });

  it('needs less room once packages are there', () => {
    expect(machineProblem({ ...good, freeBytes: 1024 ** 3, installed: true })).toBeUndefined();
  });

  it('installs again when a package is missing or another version than the lock file says', () => {
    const wanted = { '': {}, 'node_modules/a': { version: '1.0.0', integrity: 'x' }, 'node_modules/b': { version: '2.0.0', integrity: 'y', optional: true } };
    expect(isComplete(wanted, { 'node_modules/a': { version: '1.0.0', integrity: 'x' } })).toBe(true);
    expect(isComplete(wanted, { 'node_modules/b': { version: '2.0.0', integrity: 'y' } })).toBe(false);
    expect(isComplete(wanted, { 'node_modules/a': { version: '1.0.1', integrity: 'z' } })).toBe(false);
  });
});
