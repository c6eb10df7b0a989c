// The compiler in this process: the `solc` package (WebAssembly, no download).
import { readFileSync } from 'node:fs';
import solc from 'solc';

const root = new URL('../', import.meta.url);
export const compilerVersion = solc.version();
export const readSource = (path) => readFileSync(new URL(path, root), 'utf8');

const shared = (toml) => ({
  evmVersion: toml('evm_version'),
  remappings: ['@openzeppelin/=node_modules/@openzeppelin/'],
});
const wanted = (...output) => ({ outputSelection: { '*': { '*': output } } });

/** The settings that matter to bytecode, taken from where forge takes them. */
export function productionSettings() {
  const toml = settingOf(readSource('contracts/foundry.toml'));
  return {
    ...shared(toml),
    viaIR: toml('via_ir') === 'true',
    optimizer: { enabled: toml('optimizer') === 'true', runs: Number(toml('optimizer_runs').replaceAll('_', '')) },
    metadata: { bytecodeHash: toml('bytecode_hash'), appendCBOR: toml('cbor_metadata') === 'true' },
    ...wanted('abi', 'evm.bytecode.object', 'evm.deployedBytecode.object', 'evm.deployedBytecode.immutableReferences'),
  };
}

/** Quick to compile (a tenth of the time), dear to run. With `only`, no other contract's code is made. */
export function plainSettings(only) {
  const plain = { ...shared(settingOf(readSource('contracts/foundry.toml'))), viaIR: false, optimizer: { enabled: false }, ...wanted('evm.bytecode.object') };
  return only === undefined ? plain : { ...plain, outputSelection: { '*': { [only]: ['evm.bytecode.object'] } } };
}

function settingOf(toml) {
  return (key) => {
    const found = new RegExp(`^${key} = "?([\\w_]+)"?$`, 'm').exec(toml);
    if (!found) throw new Error(`contracts/foundry.toml: no ${key}`);
    return found[1];
  };
}

const importPattern = /^\s*import\s[^;]*?["']([^"']+)["']\s*;/gm;

/** The named contracts and everything that they import, by the path that the compiler knows it under. */
function sourcesOf(names, read) {
  const sources = {};
  const waiting = names.map((name) => `contracts/src/${name}.sol`);
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    if (path in sources) continue;
    const content = read(path);
    sources[path] = { content };
    for (const [, target] of content.matchAll(importPattern)) {
      const inside = target.startsWith('.') ? new URL(target, `file:///${path}`).pathname.slice(1) : target.replace(/^@openzeppelin\//, 'node_modules/@openzeppelin/');
      waiting.push(inside);
    }
  }
  return Object.fromEntries(Object.entries(sources).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Compiles contracts/src/<name>.sol for each name; `read(path)` gives a source's text. Returns the compiler's whole input, its output for a name,
 * and what it warns of in our own sources (warnings in dependencies are theirs). Error: what does not compile.
 */
export function compile(names, settings, read = readSource) {
  const input = { language: 'Solidity', sources: sourcesOf(names, read), settings };
  const { errors = [], contracts } = JSON.parse(solc.compile(JSON.stringify(input)));
  const text = (faults) => faults.map(({ formattedMessage }) => formattedMessage).join('\n');
  const faults = errors.filter(({ severity }) => severity === 'error');
  if (faults.length > 0) throw new Error(text(faults));
  return {
    input,
    contract: (name, file = name) => contracts[`contracts/src/${file}.sol`][name],
    warnings: text(errors.filter(({ sourceLocation }) => sourceLocation?.file.startsWith('contracts/'))),
  };
}
