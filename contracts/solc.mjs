#!/usr/bin/env node
// The compiler forge calls: the two options it uses, answered by the `solc` package (WebAssembly, no download).
import { writeSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import solc from 'solc';

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
  print(`solc, the solidity compiler commandline interface\nVersion: ${solc.version().replace('.Emscripten.clang', '.Linux.g++')}\n`);
} else if (process.argv.includes('--standard-json')) {
  print(solc.compile(await text(process.stdin)));
} else {
  console.error('solc.mjs: only --version and --standard-json');
  process.exitCode = 1;
}
