// node contracts/mutate.mjs [--skip COUNT] [--first COUNT]: puts one bug after the other into a copy of the contracts and runs their tests on it.
// Exit code 1 when a bug lives. The copies stay beside the checkout only while it runs.
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mutants } from './mutants.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const workersMax = 4;
/** Longest run of one bug's tests; longer is an error, not a catch. */
const testMs = 600_000;

function forgeProgram() {
  const wrapper = createRequire(import.meta.url).resolve('@foundry-rs/forge/package.json');
  const name = `@foundry-rs/forge-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  return join(dirname(createRequire(wrapper).resolve(`${name}/package.json`)), 'bin/forge');
}

function forge(cwd, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(forgeProgram(), [...args, '--root', '.'], { cwd, env: { ...process.env, FOUNDRY_CONFIG: 'contracts/foundry.toml' }, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
    const late = setTimeout(() => child.kill('SIGKILL'), testMs);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(late);
      if (code === null) return reject(new Error('forge did not end in time'));
      resolve({ code, output: Buffer.concat(output).toString() });
    });
  });
}

/** The text with the bug in it. Error: the place is not there exactly once. */
function withBug(text, { name, from, to }) {
  if (text.split(from).length !== 2) throw new Error(`"${name}": its place occurs ${text.split(from).length - 1} times`);
  return text.replace(from, () => to);
}

/** Compiles everything anew: linked dynamically, forge takes a test file's old build for good when only a contract changed. Whether some test failed; a bug that does not compile is none. The invariants run only when all other tests pass: they take longest. */
async function caught(directory, mutant) {
  const path = join(directory, 'contracts/src', mutant.file);
  const original = readFileSync(path, 'utf8');
  const buggy = withBug(original, mutant);
  writeFileSync(path, mutant.also ? withBug(buggy, { name: mutant.name, ...mutant.also }) : buggy);
  try {
    for (const match of ['--no-match-contract', '--match-contract']) {
      const { code, output } = await forge(directory, ['test', match, 'Invariants|Gas', '--fail-fast', '--force']);
      if (code === 0) continue;
      if (/Compiler run failed/.test(output)) throw new Error(`"${mutant.name}" does not compile:\n${output}`);
      return true;
    }
    return false;
  } finally {
    writeFileSync(path, original);
  }
}

const given = (option, otherwise) => (process.argv.includes(option) ? Number(process.argv[process.argv.indexOf(option) + 1]) : otherwise);
const skipped = given('--skip', 0);
const chosen = mutants.slice(skipped, skipped + given('--first', mutants.length));
mkdirSync(join(root, '.mizan'), { recursive: true });
const copies = mkdtempSync(join(root, '.mizan/mutants-'));
const alive = [];
const waiting = [...chosen];

async function work(number) {
  const directory = join(copies, String(number));
  mkdirSync(directory);
  for (const part of ['src', 'test', 'foundry.toml', 'solc.mjs']) cpSync(join(root, 'contracts', part), join(directory, 'contracts', part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
    const dead = await caught(directory, mutant);
    if (!dead) alive.push(mutant.name);
    console.log(`${dead ? 'caught' : 'ALIVE '} ${mutant.name}`);
  }
}

try {
  const workers = Math.min(workersMax, availableParallelism(), chosen.length);
  await Promise.all(Array.from({ length: workers }, (_, number) => work(number)));
} finally {
  rmSync(copies, { recursive: true, force: true });
}
console.log(`${chosen.length - alive.length} of ${chosen.length} bugs caught`);
process.exitCode = alive.length === 0 ? 0 : 1;
