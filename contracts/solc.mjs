#!/usr/bin/env node
// The compiler forge calls: the two options it uses, answered by the `solc` package (WebAssembly, no download).
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

/** A pipe takes a part at a time and may be full for a moment. */
function print(output) {
  let rest = Buffer.from(output);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

if (process.argv.includes('--version')) {
  // Asked at each start of forge: the compiler itself takes a second to load.
  print(`solc, the solidity compiler commandline interface\nVersion: ${createRequire(import.meta.url)('solc/package.json').version}\n`);
} else if (process.argv.includes('--standard-json')) {
  const { default: solc } = await import('solc');
  print(solc.compile(await text(process.stdin)));
} else {
  console.error('solc.mjs: only --version and --standard-json');
  process.exitCode = 1;
}
