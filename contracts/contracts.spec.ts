import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

interface Outcome {
  readonly code: number;
  readonly output: string;
}

async function run(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: root, env: { ...process.env, ...env }, maxBuffer: 2 ** 24 });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: `${stdout}${stderr}` };
  }
}

describe('the contracts', () => {
  let isBuilt = false;

  it('pass their own unit, fuzz, invariant and gas tests, as the bytecode that is deployed', async () => {
    const { code, output } = await run(['contracts/test.mjs'], { FORGE_SNAPSHOT_CHECK: 'true' });
    if (code !== 0) throw new Error(output);
    expect(output).toMatch(/\d+ tests passed, 0 failed, 0 skipped/);
    isBuilt = true;
  }, 400_000);

  it('have every test that their README names for a finding', () => {
    const tests = readdirSync(join(root, 'contracts/test')).map((file) => readFileSync(join(root, 'contracts/test', file), 'utf8')).join('\n') + readFileSync(join(root, 'libs/chain/statement.spec.ts'), 'utf8').replaceAll(' ', '_');
    const table = readFileSync(join(root, 'contracts/README.md'), 'utf8').split('## What is tested for')[1]!;
    const named = [...table.matchAll(/\b[a-z0-9]+(?:_[a-z0-9]+){2,}\b/g)].map(([name]) => name);
    expect(named.length).toBeGreaterThan(40);
    expect(named.filter((name) => !new RegExp(`(test|testFuzz|invariant)_${name}\\(|'${name}'`).test(tests))).toEqual([]);
  });

  it('are what the committed ABI and bytecode were made from', async () => {
    const { code, output } = await run(['contracts/build.mjs', '--check']);
    expect({ code, output }).toEqual({ code: 0, output: '' });
  });

  it('of others, which tests place where x402 has them, are what their source gives', async () => {
    const { code, output } = await run(['contracts/build-stands.mjs', '--check']);
    expect({ code, output }).toEqual({ code: 0, output: '' });
  });

  // A third of them, another one each day; MUTANTS_OFFSET (0 to 2) names it. All are put in by `npm run soak:settlement-contracts`. The first test here has built what they are put into.
  it('are tested so that a bug is found: every third of those that are put into them', async () => {
    const offset = process.env['MUTANTS_OFFSET'];
    const { code, output } = await run(['contracts/mutate.mjs', '--every', '3', ...(offset === undefined ? [] : ['--offset', offset]), ...(isBuilt ? ['--built'] : [])]);
    if (code !== 0) throw new Error(output);
    expect(output).toMatch(/^(\d{2,}) of \1 bugs caught$/m);
    process.stdout.write(/^those of .*$/m.exec(output)![0] + '\n');
  }, 600_000);
});
