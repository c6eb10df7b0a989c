import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkLine, lineBytesMax, linesOf } from './batch-input.js';
import type { InputLine } from './batch-input.js';

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function cut(text: string | Buffer, size: number): Promise<InputLine[]> {
  const lines: InputLine[] = [];
  for await (const line of linesOf(inChunks(Buffer.from(text), size))) lines.push(line);
  return lines;
}

const good = { custom_id: 'a', method: 'POST', url: '/v1/embeddings', body: { model: 'm', input: 'x' } };

describe('the input of a batch', () => {
  it('is cut into the same lines however it arrives, and each is found again at its offset', async () => {
    const line = fc.string({ unit: fc.constantFrom('a', 'é', '漢', '😀', ' ', '"'), maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n')), { maxLength: 12 }), line, fc.integer({ min: 1, max: 9 }), async (lines, last, size) => {
        const bytes = Buffer.from(lines.map((parts) => parts.join('')).join('') + last);
        const found = await cut(bytes, size);
        const expected = [...lines.map(([text]) => text), last].flatMap((text, index) => (text.trim() === '' ? [] : [{ line: index + 1, text }]));
        expect(found.map(({ line: number, text }) => ({ line: number, text: text.toString() }))).toEqual(expected);
        for (const { offset, text } of found) expect(bytes.subarray(offset, offset + text.length).equals(text)).toBe(true);
      }),
    );
  });

  it('keeps no more of a line that has no end than is allowed, and says so', async () => {
    const [line] = await cut(Buffer.alloc(3 * lineBytesMax, 'x'), 1_000_000);
    expect(line!.text.length).toBeLessThan(lineBytesMax + 1_000_001);
    expect(checkLine(line!, '/v1/embeddings')).toMatchObject({ problem: { code: 'line_too_long', line: 1 } });
  });

  it.each<[string, string | Buffer, string]>([
    ['no JSON', '{"custom_id":', 'invalid_json_line'],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'invalid_json_line'],
    ['a list', '[]', 'invalid_request'],
    ['no id', JSON.stringify({ ...good, custom_id: undefined }), 'missing_required_parameter'],
    ['another method', JSON.stringify({ ...good, method: 'GET' }), 'invalid_method'],
    ['another endpoint', JSON.stringify({ ...good, url: '/v1/chat/completions' }), 'mismatched_endpoint'],
    ['no model', JSON.stringify({ ...good, body: {} }), 'invalid_body'],
    ['a stream', JSON.stringify({ ...good, body: { model: 'm', stream: true } }), 'invalid_body'],
  ])('names what is wrong with %s', (_name, text, code) => {
    expect(checkLine({ line: 7, text: Buffer.from(text) }, '/v1/embeddings')).toMatchObject({ problem: { code, line: 7, message: expect.stringMatching(/^line 7: /) as unknown } });
  });

  it('takes a line that is right', () => {
    expect(checkLine({ line: 1, text: Buffer.from(JSON.stringify(good)) }, '/v1/embeddings')).toEqual({ customId: 'a' });
  });
});
