/**
 * Makes a bare checkout ready to run: checks the machine, installs packages, builds. Plain JavaScript without
 * dependencies, since nothing is installed yet. Shared by `npm start` and `npm test`. Does nothing twice.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, statSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** What a first installation downloads and leaves, measured on Linux x64. */
const downloadMegabytes = 320;
const installedMegabytes = 710;
const nodeMinimum = [20, 19];
const gigabyte = 1024 ** 3;
/** Packages, build, package manager's cache and the data of a first run; later runs only add data. */
const freeBytesFirst = 2 * gigabyte;
const freeBytesLater = gigabyte / 4;

const platforms = {
  'linux-x64': 'tried',
  'linux-arm64': 'untried',
  'darwin-arm64': 'untried',
  'darwin-x64': 'untried',
};

/** A failure told as one sentence. */
export class SetupError extends Error {}

const say = (line) => console.log(`mizan: ${line}`);
const at = (...parts) => join(root, ...parts);

/**
 * What keeps a machine from running Mizan, as one sentence, or undefined.
 * `machine`: {node: '20.19.0', platform: 'linux-x64', glibc: version or undefined, freeBytes, installed: whether packages are there}.
 */
export function machineProblem({ node, platform, glibc, freeBytes, installed }) {
  const [major, minor] = node.split('.').map(Number);
  if (major < nodeMinimum[0] || (major === nodeMinimum[0] && minor < nodeMinimum[1])) {
    return `Node ${nodeMinimum.join('.')} or later is needed; this is ${node}.`;
  }
  if (!(platform in platforms)) {
    return `${platform} is not supported. Supported are ${Object.keys(platforms).join(', ')}; elsewhere use docker compose.`;
  }
  if (platform.startsWith('linux') && glibc === undefined) {
    return 'A Linux with glibc is needed (Debian, Ubuntu, Fedora …): PostgreSQL and the EVM chain have no build for musl.';
  }
  const needed = installed ? freeBytesLater : freeBytesFirst;
  if (freeBytes < needed) {
    return `the disk of ${root} is nearly full: ${(freeBytes / gigabyte).toFixed(1)} GB free, about ${(needed / gigabyte).toFixed(1)} GB are needed.`;
  }
  return undefined;
}

/** Checks Node, platform and disk, before anything is installed. Throws SetupError. */
export function checkMachine() {
  const { bavail, bsize } = statfsSync(root);
  const platform = `${process.platform}-${process.arch}`;
  const glibc = process.platform === 'linux' ? process.report?.getReport().header.glibcVersionRuntime : undefined;
  const problem = machineProblem({ node: process.versions.node, platform, glibc, freeBytes: bavail * bsize, installed: isInstalled() });
  if (problem !== undefined) throw new SetupError(problem);
  if (platforms[platform] === 'untried') say(`${platform} should work but nobody has tried it yet`);
}

/** Whether `node_modules` holds exactly what the lock file names (npm writes its own list when an installation is complete). */
function isInstalled() {
  const read = (path) => JSON.parse(readFileSync(at(path), 'utf8')).packages;
  try {
    return existsSync(at('node_modules/.package-lock.json')) && isComplete(read('package-lock.json'), read('node_modules/.package-lock.json'));
  } catch {
    return false; // a list that cannot be read is that of an installation that was cut short
  }
}

/** Whether the `present` packages are those `wanted`: {path: {version, integrity, optional, link}}. Optional ones may be of another platform. */
export function isComplete(wanted, present) {
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '' || entry.link) return true;
    if (present[path] === undefined) return entry.optional === true;
    return present[path].version === entry.version && present[path].integrity === entry.integrity;
  });
}

/** `npm ci`, when packages are missing or not those of the lock file. */
async function install() {
  if (isInstalled()) return;
  say(`installing packages with npm ci: about ${downloadMegabytes} MB to download, ${installedMegabytes} MB on disk (once)`);
  await quietly('npm', ['ci', '--no-audit', '--no-fund', '--no-progress'], 'install');
}

/** `npm run build`, when a source differs from those of the last build. */
async function build() {
  const sources = sourcesHash();
  const stamp = at('.mizan/setup.json');
  const built = existsSync(stamp) ? JSON.parse(readFileSync(stamp, 'utf8')).sources : undefined;
  if (built === sources && existsSync(at('dist/apps/standalone/main.js'))) return;
  say('building (about 20 s, only when sources changed)');
  await quietly('npm', ['run', '--silent', 'build'], 'build');
  linkPrograms();
  writeFileSync(stamp, JSON.stringify({ sources }));
}

/** Lets `npx mizan` and `npx mizan-node` find the programs of this checkout, which npm does only for installed packages. */
function linkPrograms() {
  for (const [name, path] of Object.entries(JSON.parse(readFileSync(at('package.json'), 'utf8')).bin)) {
    if (!existsSync(at(path))) continue;
    chmodSync(at(path), 0o755);
    rmSync(at('node_modules/.bin', name), { force: true });
    symlinkSync(join('../..', path), at('node_modules/.bin', name));
  }
}

/** Names, sizes and times of everything that is compiled. */
function sourcesHash() {
  const hash = createHash('sha256');
  const visit = (path) => {
    const stat = statSync(at(path));
    if (stat.isDirectory()) {
      for (const name of readdirSync(at(path)).sort()) if (name !== 'node_modules') visit(join(path, name));
    } else if (/\.(ts|tsx|json)$/.test(path) && !/\.spec\.ts$/.test(path)) {
      hash.update(`${path} ${stat.size} ${stat.mtimeMs}\n`);
    }
  };
  for (const path of ['apps', 'libs', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'nest-cli.json']) visit(path);
  return hash.digest('hex');
}

/** Runs a program with its output in a log; shows the end of the log if it fails, and says that it is still at work. */
async function quietly(command, args, name) {
  mkdirSync(at('.mizan/log'), { recursive: true });
  const log = at('.mizan/log', `${name}.log`);
  const fd = openSync(log, 'w');
  const started = Date.now();
  const pulse = setInterval(() => say(`… still at it (${Math.round((Date.now() - started) / 1000)} s)`), 20_000);
  try {
    const code = await new Promise((done, failed) => {
      const child = spawn(command, args, { cwd: root, stdio: ['ignore', fd, fd], env: { ...process.env, NODE_ENV: '' } });
      child.once('error', failed);
      child.once('exit', (status) => done(status));
    });
    if (code !== 0) {
      const end = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-25).join('\n    ');
      const full = /ENOSPC|no space left/i.test(end) ? ' The disk is full.' : '';
      throw new SetupError(`${command} ${args.join(' ')} failed.${full} The end of ${log}:\n    ${end}`);
    }
    say(`done in ${((Date.now() - started) / 1000).toFixed(0)} s`);
  } finally {
    clearInterval(pulse);
    closeSync(fd);
  }
}

/** Everything above, in order. Throws SetupError. */
export async function setUp() {
  checkMachine();
  mkdirSync(at('.mizan'), { recursive: true });
  await install();
  await build();
}
