import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hidesReasoning, Produced, tokensShown } from './produced.js';

const answer = (...choices: unknown[]): Buffer => Buffer.from(JSON.stringify({ choices }));

describe('what an answer shows', () => {
  it('is at least as many tokens as any vocabulary makes of its text, however it comes', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { maxLength: 20 }), (pieces) => {
        const produced = new Produced();
        for (const content of pieces) produced.take({ index: 0, delta: { content } });
        expect(produced.text).toBe(pieces.join(''));
        expect(produced.tokensMax(1)).toBeGreaterThanOrEqual(Buffer.byteLength(pieces.join('')));
        expect(tokensShown(answer({ index: 0, message: { content: pieces.join('') } }), 1)).toBeLessThanOrEqual(produced.tokensMax(1) + 32);
      }),
    );
  });

  it('is its bytes, and so many markers for each choice and each call that begins', () => {
    expect(tokensShown(answer({ index: 0, message: { content: 'ok' } }), 1)).toBe(2 + 32);
    expect(tokensShown(answer({ index: 0, text: '世界' }, { index: 1, text: '' }), 2)).toBe(6 + 64);
    const call = { function: { name: 'f', arguments: '{}' } };
    expect(tokensShown(answer({ index: 0, message: { content: null, reasoning: 'why', tool_calls: [call, call], function_call: call.function } }), 1)).toBe(3 + 9 + 32 + 3 * 32);
    const streamed = new Produced();
    for (const called of [call, { function: { arguments: ' ' } }]) streamed.take({ index: 0, delta: { tool_calls: [{ index: 0, ...called }] } });
    expect(streamed.tokensMax(1)).toBe(4 + 32 + 32);
  });

  it('grows neither by choices that nobody asked for, nor by calls without end, nor by members that are no text', () => {
    const many = Array.from({ length: 1_000 }, (_, index) => ({ index, message: { content: '' } }));
    expect(tokensShown(answer(...many), 2)).toBe(64);
    const calls = Array.from({ length: 1_000 }, () => ({ function: { name: '' } }));
    expect(tokensShown(answer({ index: 0, message: { tool_calls: calls } }), 1)).toBe(32 + 64 * 32);
    expect(tokensShown(answer({ index: 0, message: { content: 'ok', padding: 'x'.repeat(4_096), audio: { data: 'x'.repeat(4_096) } } }), 1)).toBe(34);
  });

  it('is nothing where there is no answer', () => {
    for (const body of ['', 'null', '{}', '{"choices":7}', '[1]', 'x'.repeat(4_096)]) expect(tokensShown(Buffer.from(body), 1)).toBe(0);
  });

  it('leaves out what the caller asked not to see', () => {
    expect([{}, { include_reasoning: true }, { reasoning: null }, { reasoning: 'text' }, { include_reasoning: false }, { reasoning: { exclude: true } }].map(hidesReasoning)).toEqual([false, false, false, false, true, true]);
  });
});
