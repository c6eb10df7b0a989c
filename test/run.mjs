/** `npm test`: sets the checkout up as `npm start` does, then types, lint and every test on the real parts. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import { root, setUp, SetupError } from '../apps/standalone/setup.mjs';
import { workers } from './longest-first.mjs';

const report = join(root, '.mizan/test/jest.json');

/** Runs one Node program to its end, in what time the tests leave; true when it succeeded. Output is shown only when it did not. */
function run(name, args) {
  const started = Date.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.once('error', () => resolve(false));
    child.once('close', (code) => {
      if (code !== 0) process.stdout.write(Buffer.concat(output));
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${((Date.now() - started) / 1000).toFixed(0)} s)`);
      resolve(code === 0);
    });
  });
}

/** Counts from Jest's own report; a file that could not run counts as one failure. */
function jestCounts(succeeded) {
  if (!existsSync(report)) return { name: 'tests', passed: 0, failed: 1 };
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(readFileSync(report, 'utf8'));
  const failed = numFailedTests + numRuntimeErrorTestSuites;
  return { name: 'tests', passed: numPassedTests, failed: succeeded ? failed : Math.max(failed, 1) };
}

const check = async (name, args) => {
  const good = await run(name, args);
  return { name, passed: good ? 1 : 0, failed: good ? 0 : 1 };
};

try {
  await setUp();
} catch (error) {
  console.error(`mizan: ${error instanceof SetupError ? error.message : (error?.stack ?? error)}`);
  console.log('0 passed, 1 failed');
  process.exit(1);
}

const filters = process.argv.slice(2);
const checks = filters.length > 0 ? [] : [check('types', ['node_modules/typescript/bin/tsc', '--noEmit']), check('lint', ['node_modules/eslint/bin/eslint.js', '.'])];
mkdirSync(join(root, '.mizan/test'), { recursive: true });
rmSync(report, { force: true });
// Each file loads thousands of modules and forgets them: with more room for young objects (MB; 16 is Node's own), a tenth less is spent on clearing it.
const jest = ['--max-semi-space-size=64', '--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', `--maxWorkers=${workers}`, '--json', `--outputFile=${report}`];
// Jest prints its whole JSON report to standard output as well; what people read goes to standard error.
const tests = jestCounts(await runJest([...jest, ...filters]));
const results = [...(await Promise.all(checks)), tests];

console.log('');
for (const { name, passed, failed } of results) console.log(`${name.padEnd(8)} ${passed} passed, ${failed} failed`);
const total = (key) => results.reduce((sum, result) => sum + result[key], 0);
console.log(`\n${total('passed')} passed, ${total('failed')} failed`);
process.exit(total('failed') === 0 ? 0 : 1);

function runJest(args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', () => resolve(false));
    child.once('close', (code) => resolve(code === 0));
  });
}
