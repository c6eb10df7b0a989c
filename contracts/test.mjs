// node contracts/test.mjs [--match-contract NAME …]: the contracts' own tests, on the bytecode that is deployed (libs/chain/bytecode.ts).
// FORGE_SNAPSHOT_CHECK=true also holds gas to contracts/snapshots; FOUNDRY_FUZZ_RUNS and FOUNDRY_INVARIANT_RUNS lengthen it.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { deployedContracts } from './deployed.mjs';
import { buildTests, forge, putBytecode } from './forge.mjs';

const root = fileURLToPath(new URL('../', import.meta.url));
const committed = readFileSync(new URL('../libs/chain/bytecode.ts', import.meta.url), 'utf8');

await buildTests(root);
for (const { name, bytecode } of deployedContracts) {
  const found = new RegExp(`^export const ${bytecode} =\\n {2}'0x([0-9a-f]+)';$`, 'm').exec(committed);
  if (!found) throw new Error(`libs/chain/bytecode.ts has no ${bytecode}: run node contracts/build.mjs`);
  putBytecode(root, name, found[1]);
}
const { code, output } = await forge(root, ['test', ...process.argv.slice(2)]);
process.stdout.write(output);
process.exitCode = code;
