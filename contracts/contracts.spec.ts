import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** The program of `@foundry-rs/forge` for this platform; its install script is not needed. */
function forgeProgram(): string {
  const wrapper = createRequire(import.meta.url).resolve('@foundry-rs/forge/package.json');
  const name = `@foundry-rs/forge-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  return join(dirname(createRequire(wrapper).resolve(`${name}/package.json`)), 'bin/forge');
}

interface Outcome {
  readonly code: number;
  readonly output: string;
}

async function run(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  try {
    const { stdout, stderr } = await promisify(execFile)(command, args, { cwd: root, env: { ...process.env, ...env }, maxBuffer: 2 ** 24 });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: `${stdout}${stderr}` };
  }
}

describe('the contracts', () => {
  it('pass their own unit, fuzz, invariant and gas tests', async () => {
    const { code, output } = await run(forgeProgram(), ['test', '--root', '.', '--force'], {
      FOUNDRY_CONFIG: 'contracts/foundry.toml',
      FORGE_SNAPSHOT_CHECK: 'true',
    });
    if (code !== 0) throw new Error(output);
    expect(output).toMatch(/\d+ tests passed, 0 failed, 0 skipped/);
  }, 400_000);

  it('are what the committed ABI and bytecode were made from', async () => {
    const { code, output } = await run(process.execPath, ['contracts/build.mjs', '--check']);
    expect({ code, output }).toEqual({ code: 0, output: '' });
  }, 60_000);

  it('are tested so that a bug is found: three of the bugs that npm run soak:settlement seeds', async () => {
    const { code, output } = await run(process.execPath, ['contracts/mutate.mjs', '--first', '3']);
    if (code !== 0) throw new Error(output);
    expect(output).toContain('3 of 3 bugs caught');
  }, 400_000);
});
