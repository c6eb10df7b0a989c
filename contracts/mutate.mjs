// node contracts/mutate.mjs [--skip COUNT] [--first COUNT] [--every N [--offset K]] [--built]: runs the contracts' tests on one bug after the other (mutants.mjs).
// Of every N the K-th is taken, by default that of the commit's day, so that N days of commits in a row take them all.
// Exit code 1 when a bug lives. The tests are compiled once, or with --built taken as contracts/test.mjs has just left them; only the contract with the
// bug is compiled anew.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile, plainSettings, readSource } from './compile.mjs';
import { buildTests, builtParts, forge, putBytecode } from './forge.mjs';
import { bondMutants, mutants } from './mutants.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const workersMax = 4;
/** Gas is another with every bug, and the invariants take longest: what they alone would find needs a test of its own. */
const left = [...['Gas.t.sol', 'Invariants.t.sol', 'Handler.sol'].flatMap((name) => [name, `Bonds${name}`]), 'DelegatesHandler.sol', 'DelegateBooks.sol'];

/** Days since 1970 at the commit that is checked out, so that a commit has the same bugs whenever they are run; today where there is no repository. */
function commitDay() {
  const { status, stdout } = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' });
  return Math.floor((status === 0 ? Number(stdout) * 1_000 : Date.now()) / 86_400_000);
}

/** The text with the bug in it. Error: the place is not there exactly once. */
function withBug(text, { name, from, to }) {
  if (text.split(from).length !== 2) throw new Error(`"${name}": its place occurs ${text.split(from).length - 1} times`);
  return text.replace(from, () => to);
}

/** Creation bytecode of one contract, plainly compiled. */
const bytecodeOf = (contract, read = readSource) => compile([contract], plainSettings(contract), read).contract(contract).evm.bytecode.object;

/** Creation bytecode of the contract with the bug in it. A bug that does not compile is none: an error. */
function buggyBytecode(mutant) {
  const path = `contracts/src/${mutant.file}`;
  const bug = withBug(readSource(path), mutant);
  const text = mutant.also ? withBug(bug, { name: mutant.name, ...mutant.also }) : bug;
  return bytecodeOf(mutant.contract, (source) => (source === path ? text : readSource(source)));
}

/** Whether some test fails. Forge is given no filter: with one it compiles all interfaces before each run. */
async function caught(directory, mutant) {
  const sound = putBytecode(directory, mutant.contract, buggyBytecode(mutant));
  try {
    const { code, output } = await forge(directory, ['test', '--fail-fast']);
    if (code !== 0 && !output.includes('Failing tests:')) throw new Error(`"${mutant.name}": forge did not run the tests:\n${output}`);
    return code !== 0;
  } finally {
    putBytecode(directory, mutant.contract, sound);
  }
}

const given = (option, otherwise) => (process.argv.includes(option) ? Number(process.argv[process.argv.indexOf(option) + 1]) : otherwise);
const skipped = given('--skip', 0);
const every = given('--every', 1);
const offset = given('--offset', commitDay()) % every;
const chosen = [...mutants, ...bondMutants].slice(skipped, skipped + given('--first', Infinity)).filter((_, at) => at % every === offset);
mkdirSync(join(root, '.mizan'), { recursive: true });
const copies = mkdtempSync(join(root, '.mizan/mutants-'));
const alive = [];
const waiting = [...chosen];

/** A directory with the tests, compiled, which pass while there is no bug. */
async function testDirectory() {
  const directory = join(copies, '0');
  const isBuilt = process.argv.includes('--built');
  for (const part of ['src', 'test', 'foundry.toml', 'solc.mjs', ...(isBuilt ? builtParts : [])]) cpSync(join(root, 'contracts', part), join(directory, 'contracts', part), { recursive: true });
  for (const name of left) rmSync(join(directory, 'contracts/test', name));
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  if (isBuilt) for (const name of new Set([...mutants, ...bondMutants].map(({ contract }) => contract))) putBytecode(directory, name, bytecodeOf(name));
  else await buildTests(directory);
  const { code, output } = await forge(directory, ['test']);
  if (code !== 0) throw new Error(`The tests fail without any bug:\n${output}`);
  return directory;
}

async function work(directory) {
  for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
    const dead = await caught(directory, mutant);
    if (!dead) alive.push(mutant.name);
    console.log(`${dead ? 'caught' : 'ALIVE '} ${mutant.name}`);
  }
}

try {
  const first = await testDirectory();
  const others = Array.from({ length: Math.min(workersMax, availableParallelism(), chosen.length) - 1 }, (_, number) => join(copies, String(number + 1)));
  for (const other of others) cpSync(first, other, { recursive: true, verbatimSymlinks: true });
  await Promise.all([first, ...others].map(work));
} finally {
  rmSync(copies, { recursive: true, force: true });
}
if (every > 1) console.log(`those of --every ${every} --offset ${offset}`);
console.log(`${chosen.length - alive.length} of ${chosen.length} bugs caught`);
process.exitCode = alive.length === 0 ? 0 : 1;
