import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { estimatePrompt, estimateTokens, estimateUsage, producedText } from './token-estimate.js';

describe('the estimate of tokens', () => {
  it.each([
    ['', 0],
    ['Hello, world!', 4],
    ['The scales do not lie.', 6],
    ['internationalisation', 4],
    ['1234567', 3],
    ['天秤は嘘をつかない', 9],
    ['👍🏽', 2],
    ['a\n\n\nb', 3],
  ])('counts %j as %i', (text, tokens) => {
    expect(estimateTokens(text)).toBe(tokens);
  });

  it('is never above the bytes of the text, so a reservation by bytes always holds it', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => expect(estimateTokens(text)).toBeLessThanOrEqual(Buffer.byteLength(text))));
  });

  it('only grows as a text grows, whatever is added', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => expect(estimateTokens(a + b)).toBeGreaterThanOrEqual(estimateTokens(a))));
  });

  it('takes every kind of prompt: messages with their markers, texts, lists of texts, token arrays', () => {
    expect(estimatePrompt({ messages: [{ role: 'user', content: 'Hi' }] })).toBe(3 + 4 + 2);
    expect(estimatePrompt({ prompt: ['one', 'two'] })).toBe(2);
    expect(estimatePrompt({ prompt: [17, 4, 9] })).toBe(3);
    expect(estimatePrompt({ input: 'one two' })).toBe(2);
    expect(estimatePrompt(undefined)).toBe(0);
  });

  it('takes what was said in any member of a choice', () => {
    expect(producedText({ text: 'a' })).toBe('a');
    expect(producedText({ message: { content: 'a', reasoning_content: 'b', tool_calls: [{ function: { name: 'c', arguments: 'd' } }] } })).toBe('abcd');
    expect(producedText({ message: { content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'a' }] }, { type: 'text', text: 'b' }, null], function_call: { name: 'c', arguments: 'd' } } })).toBe('abcd');
    expect(producedText({ delta: { content: null, tool_calls: [null] } })).toBe('');
    expect(estimateUsage({ prompt: 'one' }, 'two three')).toEqual({ inputTokens: 1, outputTokens: 2 });
  });
});
