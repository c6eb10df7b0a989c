// Forge over the contracts' tests. Tests and what they lean on are compiled plainly, in a tenth of the time; a contract under test
// is whatever bytecode is put in its place: tests reach it through its artifact (dynamic_test_linking), never through its source.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { deployedContracts } from './deployed.mjs';

/** Longest run; longer is an error. */
const runMs = 600_000;

/** The program of `@foundry-rs/forge` for this platform; its install script is not needed. */
function forgeProgram() {
  const wrapper = createRequire(import.meta.url).resolve('@foundry-rs/forge/package.json');
  const name = `@foundry-rs/forge-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  return join(dirname(createRequire(wrapper).resolve(`${name}/package.json`)), 'bin/forge');
}

/** `forge <args>` in a directory with contracts/ and node_modules/. Returns {code, output}; output includes standard error. */
export function forge(directory, args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(forgeProgram(), [...args, '--root', '.'], {
      cwd: directory,
      env: { ...process.env, FOUNDRY_CONFIG: 'contracts/foundry.toml', FOUNDRY_VIA_IR: 'false', FOUNDRY_OPTIMIZER: 'false', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
    const late = setTimeout(() => child.kill('SIGKILL'), runMs);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(late);
      if (code === null) return reject(new Error(`forge ${args.join(' ')} did not end in ${runMs / 60_000} minutes`));
      resolve({ code, output: Buffer.concat(output).toString() });
    });
  });
}

/** What forge knows a build by. */
export const builtParts = ['out', 'cache'];

/** Compiles tests and contracts plainly. Errors: what the compiler says; a test that would not see what is put in a contract's place. */
export async function buildTests(directory) {
  const { code, output } = await forge(directory, ['build', '--force']);
  if (code !== 0) throw new Error(output);
  const out = join(directory, 'contracts/out');
  const plain = deployedContracts.map(({ name }) => ({ name, object: readArtifact(artifactPath(directory, name)).bytecode.object.slice(2) }));
  for (const file of readdirSync(out).filter((name) => name.endsWith('.t.sol'))) {
    for (const test of readdirSync(join(out, file))) {
      const carried = plain.find(({ object }) => readArtifact(join(out, file, test)).bytecode.object.includes(object));
      if (carried) throw new Error(`${file} carries the bytecode of ${carried.name}, so its tests see no other: forge links a file dynamically only if nothing in it inherits from contracts/src`);
    }
  }
}

const artifactPath = (directory, name) => join(directory, `contracts/out/${name}.sol/${name}.json`);
const readArtifact = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** Puts creation bytecode (hex, no 0x) in the place of a contract that the tests deploy. Returns what was there. */
export function putBytecode(directory, name, bytecode) {
  const path = artifactPath(directory, name);
  const artifact = readArtifact(path);
  const before = artifact.bytecode.object.slice(2);
  artifact.bytecode.object = `0x${bytecode}`;
  writeFileSync(path, JSON.stringify(artifact));
  return before;
}
