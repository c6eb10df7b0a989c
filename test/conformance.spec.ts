import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
/** Checks that a gateway must pass to be used by OpenAI's clients unchanged and by strangers safely, numbered from 1. */
const checks = Array.from({ length: 63 }, (_, at) => at + 1);

/** The numbers that tests below some folders carry. */
function numbersIn(...folders: string[]): Set<number> {
  const specs = folders.flatMap((top) => readdirSync(join(root, top), { recursive: true, encoding: 'utf8' }).filter((path) => /\.(spec|e2e)\.ts$/.test(path)).map((path) => join(root, top, path)));
  const titles = specs.flatMap((path) => [...readFileSync(path, 'utf8').matchAll(/(?:(?:it|describe|each)\S*\(\s*|\]\)\()['"`]conformance ((?:\d+(?:, | and )?)+)/g)]);
  return new Set(titles.flatMap(([, list]) => list!.match(/\d+/g)!.map(Number)));
}

describe('the numbered conformance checks', () => {
  it('each have a test that carries its number', () => {
    const numbers = numbersIn('apps', 'libs', 'test');
    expect(checks.filter((number) => !numbers.has(number))).toEqual([]);
  });

  it('each have one on the stack that npm start starts', () => {
    const numbers = numbersIn('test/e2e');
    expect(checks.filter((number) => !numbers.has(number))).toEqual([]);
  });
});
