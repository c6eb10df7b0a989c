import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readFileForm } from './file-form.js';

const headers = { 'content-type': 'multipart/form-data; boundary=edge' };
const field = (name: string, value: string): string => `--edge\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const file = (name: string, content: string): string => `--edge\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n\r\n${content}\r\n`;
const end = '--edge--\r\n';
const bodyOf = (text: string, size = text.length): Readable => {
  const bytes = Buffer.from(text);
  return Readable.from(Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size)), { objectMode: false });
};
const collect = () => {
  const parts: Buffer[] = [];
  return { keep: async (content: Readable) => void parts.push(...((await content.toArray()) as Buffer[])), text: () => Buffer.concat(parts).toString() };
};

describe('the form of an upload', () => {
  it('is read the same in whatever pieces it comes, fields before or after the file', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 90 }), fc.boolean(), fc.string({ unit: fc.constantFrom('a', '漢', '\r', '\n', '-', '--edge'), maxLength: 30 }), async (size, first, content) => {
        fc.pre(!content.includes('\r\n--edge') && !`\r\n${content}`.includes('\r\n--edge'));
        const sink = collect();
        const parts = [field('purpose', 'batch'), file('الميزان %22x%22.txt', content)];
        const form = await readFileForm(headers, bodyOf((first ? parts : parts.reverse()).join('') + end, size), 1_000, sink.keep);
        expect(form).toEqual({ filename: 'الميزان "x".txt', purpose: 'batch', expiresAfterSeconds: null });
        expect(sink.text()).toBe(content);
      }),
      { numRuns: 60 },
    );
  });

  it('carries an expiry', async () => {
    const text = file('a', 'b') + field('purpose', 'evals') + field('expires_after[anchor]', 'created_at') + field('expires_after[seconds]', '3600') + end;
    expect(await readFileForm(headers, bodyOf(text), 10, collect().keep)).toMatchObject({ expiresAfterSeconds: 3_600 });
  });

  it.each<[string, string, Record<string, string>, object]>([
    ['a file over the limit', file('a', 'x'.repeat(2_000)) + field('purpose', 'batch') + end, headers, { code: 'BODY_TOO_LARGE', details: { param: 'file' } }],
    ['a form cut off in the file', file('a', 'x').slice(0, -3), headers, { code: 'REQUEST_INVALID' }],
    ['a form cut off in a field', field('purpose', 'batch').slice(0, -8), headers, { code: 'REQUEST_INVALID' }],
    ['no boundary', 'x', { 'content-type': 'multipart/form-data' }, { code: 'REQUEST_INVALID', details: { param: 'content-type' } }],
    ['an expiry of a second', file('a', 'b') + field('purpose', 'batch') + field('expires_after[seconds]', '1') + end, headers, { details: { param: 'expires_after[seconds]' } }],
    ['a name of 300 characters', file('n'.repeat(300), 'b') + field('purpose', 'batch') + end, headers, { details: { param: 'file' } }],
    ['a field of a megabyte', field('purpose', 'b'.repeat(1_000_000)) + file('a', 'b') + end, headers, { code: 'REQUEST_INVALID' }],
  ])('with %s is refused, and who keeps the file sees it break off', async (_what, text, given, expected) => {
    let kept = 'not begun';
    const keep = async (content: Readable): Promise<void> => {
      kept = 'begun';
      await content.toArray().then(() => (kept = 'whole'), () => (kept = 'broken'));
    };
    await expect(readFileForm(given, bodyOf(text, 100), 1_000, keep)).rejects.toMatchObject(expected);
    if (text.includes('x'.repeat(2_000)) || !text.includes('--edge--')) expect(['not begun', 'broken']).toContain(kept);
  });

  it('ends with the error of who keeps the file', async () => {
    const text = file('a', 'x'.repeat(500)) + field('purpose', 'batch') + end;
    await expect(readFileForm(headers, bodyOf(text, 50), 1_000, () => Promise.reject(new Error('the store is away')))).rejects.toThrow('the store is away');
  });
});
