// The compiler in this process: the `solc` package (WebAssembly, no download).
import { readFileSync } from 'node:fs';
import solc from 'solc';

const root = new URL('../', import.meta.url);
export const readSource = (path) => readFileSync(new URL(path, root), 'utf8');

const shared = (toml) => ({
  evmVersion: toml('evm_version'),
  remappings: ['@openzeppelin/=node_modules/@openzeppelin/'],
});

/** The settings that matter to bytecode, taken from where forge takes them. */
export function productionSettings() {
  const toml = settingOf(readSource('contracts/foundry.toml'));
  return {
    ...shared(toml),
    viaIR: toml('via_ir') === 'true',
    optimizer: { enabled: toml('optimizer') === 'true', runs: Number(toml('optimizer_runs').replaceAll('_', '')) },
    metadata: { bytecodeHash: toml('bytecode_hash'), appendCBOR: toml('cbor_metadata') === 'true' },
  };
}

/** Quick to compile (a tenth of the time), dear to run. */
export function plainSettings() {
  return { ...shared(settingOf(readSource('contracts/foundry.toml'))), viaIR: false, optimizer: { enabled: false } };
}

function settingOf(toml) {
  return (key) => {
    const found = new RegExp(`^${key} = "?([\\w_]+)"?$`, 'm').exec(toml);
    if (!found) throw new Error(`contracts/foundry.toml: no ${key}`);
    return found[1];
  };
}

/**
 * Compiles contracts/src/<name>.sol for each name; `read(path)` gives a source's text. Returns the contracts by name ({abi, evm.bytecode.object})
 * and what the compiler warns of in our own sources. Error: what does not compile.
 */
export function compile(names, settings, read = readSource) {
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(names.map((name) => [`contracts/src/${name}.sol`, { content: read(`contracts/src/${name}.sol`) }])),
    settings: { ...settings, outputSelection: Object.fromEntries(names.map((name) => [`contracts/src/${name}.sol`, { [name]: ['abi', 'evm.bytecode.object'] }])) },
  };
  const { errors = [], contracts } = JSON.parse(solc.compile(JSON.stringify(input), { import: (path) => ({ contents: read(path) }) }));
  const text = (faults) => faults.map(({ formattedMessage }) => formattedMessage).join('\n');
  const faults = errors.filter(({ severity }) => severity === 'error');
  if (faults.length > 0) throw new Error(text(faults));
  return {
    contracts: Object.fromEntries(names.map((name) => [name, contracts[`contracts/src/${name}.sol`][name]])),
    warnings: text(errors.filter(({ sourceLocation }) => sourceLocation?.file.startsWith('contracts/'))),
  };
}
