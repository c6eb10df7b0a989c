import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
/** Checks that a gateway must pass to be used by OpenAI's clients unchanged and by strangers safely, numbered from 1. */
const checks = 63;
/** Of webhooks, which nothing sends yet. */
const withoutSubject = new Set<number>();

describe('the numbered conformance checks', () => {
  it('each have a test that carries its number', () => {
    const specs = ['apps', 'libs', 'test'].flatMap((top) => readdirSync(join(root, top), { recursive: true, encoding: 'utf8' }).filter((path) => /\.(spec|e2e)\.ts$/.test(path)).map((path) => join(root, top, path)));
    const named = specs.flatMap((path) => [...readFileSync(path, 'utf8').matchAll(/(?:it|describe|each)\S*\(\s*['"`]conformance ((?:\d+(?:, | and )?)+)/g), ...readFileSync(path, 'utf8').matchAll(/\]\)\(['"`]conformance ((?:\d+(?:, | and )?)+)/g)]);
    const numbers = new Set(named.flatMap(([, list]) => list!.match(/\d+/g)!.map(Number)));
    expect(Array.from({ length: checks }, (_, at) => at + 1).filter((number) => !numbers.has(number) && !withoutSubject.has(number))).toEqual([]);
  });
});
