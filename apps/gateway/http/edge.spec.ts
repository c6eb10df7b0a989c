import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { wrongWith } from './edge-checks.js';
import { checkJsonShape } from './json-shape.js';
import { scrubbed } from './scrub.js';

const check = (text: string) => (): void => checkJsonShape(Buffer.from(text));

describe('the shape of JSON', () => {
  it('is left alone when it is sane, whatever stands in its texts', () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 20 }), (value) => expect(check(JSON.stringify(value))).not.toThrow()));
    expect(check(JSON.stringify({ text: `${'[{":,\\"'.repeat(100_000)}` }))).not.toThrow();
    expect(check(JSON.stringify({ input: Array.from({ length: 300_000 }, (_, n) => n % 10) }))).not.toThrow();
    expect(check(`${'['.repeat(128)}${']'.repeat(128)}`)).not.toThrow();
  });

  it.each([
    ['depth', `${'['.repeat(129)}`],
    ['members', `{${'"a":1,'.repeat(100_001)}`],
    ['objects', `[${'{},'.repeat(100_001)}`],
    ['elements', `[${'1,'.repeat(400_001)}`],
  ])('is refused for too great a number: %s', (_what, text) => expect(check(text)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' })));
});

describe("somebody else's words", () => {
  it.each([
    ['cannot reach http://user:pass@10.0.0.7:8000/v1?key=abc now', 'cannot reach [address] now'],
    ['Incorrect API key provided: sk-proj-abcdef123456.', 'Incorrect API key provided: [credential].'],
    ['Authorization: Bearer abc.def-ghi failed', 'Authorization: [credential] failed'],
    ['10.1.2.3:8080 refused /home/worker/models/a.gguf', '[address] refused [path]'],
    ['This model supports at most 512 tokens; you sent 1.5 times as many (768).', 'This model supports at most 512 tokens; you sent 1.5 times as many (768).'],
  ])('are passed on without what gives away where and how: %s', (text, clean) => expect(scrubbed(text)).toBe(clean));
});

describe('the head of a request', () => {
  const head = (...fields: [string, string][]) => wrongWith({ httpVersion: '1.1', rawHeaders: fields.flat(), headers: Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value])) });
  const host: [string, string] = ['Host', 'a'];
  it('is refused when two readers could understand it differently, or its body is encoded', () => {
    expect(head(host)).toBeUndefined();
    expect(head(host, ['content-encoding', 'identity'], ['Transfer-Encoding', 'chunked'])).toBeUndefined();
    for (const wrong of [head(), head(host, ['hOst', 'b']), head(host, ['Authorization', 'a'], ['authorization', 'b']), head(host, ['transfer-encoding', 'gzip, chunked'])]) expect(wrong).toMatchObject({ code: 'REQUEST_INVALID' });
    expect(head(host, ['content-encoding', 'gzip'])).toMatchObject({ details: { status: 415 } });
    expect(head(host, ...Array.from({ length: 100 }, (_, n): [string, string] => [`x-${n}`, '1']))).toMatchObject({ details: { status: 431 } });
  });
});
