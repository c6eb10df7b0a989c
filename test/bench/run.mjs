/** `npm run bench:gateway`: builds the checkout and the benchmark, then runs it. `--rounds=N`; `--no-idle`: without the open streams; `--quick`: one short round, to see that it works. */
import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, setUp } from '../../apps/standalone/setup.mjs';

await setUp();
const built = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'test/bench/tsconfig.json')], { stdio: 'inherit', cwd: root });
if (built.status !== 0) process.exit(1);
// The compiler leaves what is JavaScript already.
copyFileSync(join(root, 'libs/testing/keeper.mjs'), join(root, 'dist/libs/testing/keeper.mjs'));
process.chdir(root);
await import('../../dist/test/bench/main.js');
