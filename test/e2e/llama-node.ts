import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tinyGguf } from '../../apps/node/engine/tiny-gguf.js';
import { OutsideNode } from './outside-node.js';
import type { StandaloneStack } from './standalone-stack.js';

/** `mizan-node run --engine llama.cpp` over the tiny model. With `port`, gateways call it straight there. */
export function joinLlama(stack: StandaloneStack, name: string, price: { input: string; output: string }, port?: number): Promise<OutsideNode> {
  const model = port === undefined ? 'tiny' : 'tiny-straight';
  const file = join(OutsideNode.directory(stack, name), `${model}.gguf`);
  writeFileSync(file, tinyGguf());
  const straight = port === undefined ? [] : ['--listen', `127.0.0.1:${port}`, '--public-url', `http://127.0.0.1:${port}`];
  return OutsideNode.join(stack, name, price, model, ['--engine', 'llama.cpp', '--model', file, ...straight]);
}
