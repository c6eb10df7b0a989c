import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { inEncoding, toBase64, toFloats } from './embedding-encoding.js';

const answer = (embedding: unknown): Buffer => Buffer.from(JSON.stringify({ object: 'list', data: [{ object: 'embedding', index: 0, embedding }], model: 'm', usage: { prompt_tokens: 1, total_tokens: 1 } }));
const vectorOf = (bytes: Buffer): unknown => (JSON.parse(bytes.toString()) as { data: { embedding: unknown }[] }).data[0]!.embedding;

describe('embedding encodings', () => {
  it('gives float32 little-endian base64, as the OpenAI clients read it', () => {
    const text = vectorOf(inEncoding(answer([0.5, -2, 0.1]), 'base64')) as string;
    const bytes = new Uint8Array(Buffer.from(text, 'base64'));
    expect([...new Float32Array(bytes.buffer, bytes.byteOffset, 3)]).toEqual([0.5, -2, Math.fround(0.1)]);
  });

  it('gives an array when the engine answered base64 all the same', () => {
    expect(vectorOf(inEncoding(answer(toBase64([0.25, 1])), 'float'))).toEqual([0.25, 1]);
  });

  it('leaves an answer that is right untouched, byte for byte', () => {
    for (const [bytes, wanted] of [[answer([0.1]), 'float'], [answer('AAAAPw=='), 'base64']] as const) expect(inEncoding(bytes, wanted)).toBe(bytes);
  });

  it('gives the same vector back through base64, to float32', () => {
    fc.assert(fc.property(fc.array(fc.float({ noNaN: true }), { minLength: 1 }), (vector) => expect(toFloats(toBase64(vector))).toEqual(vector)));
  });

  it.each(['not JSON', '{"data":7}', '{"data":[{"embedding": {"a":1}}]}', '{"data":[{"embedding":["a"]}]}', '{}'])('refuses an answer that is no embedding: %s', (text) => {
    expect(() => inEncoding(Buffer.from(text), 'base64')).toThrow(expect.objectContaining({ code: 'NODE_PROTOCOL' }));
  });
});
