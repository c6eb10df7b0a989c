import { describe, expect, it } from '@jest/globals';
import { EventReader, failure } from '#protocol';
import { StreamedChunks } from './streamed-chunks.js';

const about = { id: 'c1', object: 'chat.completion.chunk', created: 7, model: 'm' };
const said = (content: string, more: object = {}): object => ({ ...about, choices: [{ index: 0, delta: { content }, finish_reason: null }], ...more });
const bytesOf = (...chunks: object[]): Buffer[] => [...chunks.map((chunk) => Buffer.from(JSON.stringify(chunk))), Buffer.from('[DONE]')];

/** What a client reads of what is given out for these events. */
function given(form: StreamedChunks, events: readonly Buffer[], usage = { inputTokens: 2, outputTokens: 3 }): Record<string, unknown>[] {
  const bytes = Buffer.concat([...events.flatMap((data) => form.take(data) ?? []), form.end(usage)]);
  const read = [...new EventReader().take(bytes)].map(({ data }) => data.toString());
  expect(read.at(-1)).toBe('[DONE]');
  return read.slice(0, -1).map((data) => JSON.parse(data) as Record<string, unknown>);
}

describe('chunks for the client', () => {
  it('pass byte for byte when they are right', () => {
    const data = Buffer.from(`{"choices":[{"delta":{"content":"天秤👍"}, "index":0}], "id":"c1","created":7,"odd": 1}`);
    expect(new StreamedChunks('chat.completions', false).take(data)!.toString()).toBe(`data: ${data.toString()}\n\n`);
  });

  it('conformance 21: keep one id and one time, whatever the engine makes of them', () => {
    const chunks = given(new StreamedChunks('chat.completions', false), bytesOf(said('a'), said('b', { id: 'c2', created: 8 }), { choices: [{ index: 0, delta: {} }] }));
    expect(chunks.map(({ id, created, object }) => ({ id, created, object }))).toEqual(Array.from({ length: 3 }, () => ({ id: 'c1', created: 7, object: about.object })));
  });

  it('conformance 23: find usage on a chunk with choices, keep its cached tokens, and give it out once, at the end, where it was asked for', () => {
    const usage = { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11, prompt_tokens_details: { cached_tokens: 8 } };
    const asked = given(new StreamedChunks('chat.completions', true), bytesOf(said('a'), said('b', { usage })));
    expect(asked.map((chunk) => chunk['usage'])).toEqual([undefined, null, usage]);
    expect(asked.at(-1)).toEqual({ ...about, choices: [], usage });
    const unasked = given(new StreamedChunks('chat.completions', false), bytesOf(said('a'), said('b', { usage })));
    expect(unasked).toEqual([said('a'), said('b')]);
  });

  it('conformance 24: hide the usage chunk of the engine unless the client asked, and make one where the engine has none', () => {
    const last = { ...about, choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } };
    expect(given(new StreamedChunks('chat.completions', false), bytesOf(said('a'), last))).toEqual([said('a')]);
    expect(given(new StreamedChunks('chat.completions', true), bytesOf(said('a'), last))).toEqual([said('a'), last]);
    expect(given(new StreamedChunks('chat.completions', true), bytesOf(said('a'))).at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 } });
  });

  it('conformance 25: number tool calls from 0, repair a missing index, leave absent members out, and keep pieces without an id', () => {
    const calls = (...tool_calls: object[]): object => ({ ...about, choices: [{ index: 0, delta: { tool_calls } }] });
    const deltas = (...chunks: object[]): unknown[] =>
      given(new StreamedChunks('chat.completions', false), bytesOf(...chunks)).map(({ choices }) => (choices as { delta: { tool_calls?: unknown } }[])[0]!.delta.tool_calls);
    expect(deltas(calls({ index: 1, id: 'a', type: 'function', function: { name: 'f', arguments: '' } }), calls({ index: 1, id: null, type: null, function: { name: null, arguments: '{}' } }), calls({ index: 4, id: 'b' }))).toEqual([
      [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '' } }],
      [{ index: 0, function: { arguments: '{}' } }],
      [{ index: 1, id: 'b' }],
    ]);
    expect(deltas(calls({ id: 'a' }), calls({ function: { arguments: '1' } }), calls({ id: 'b' }), calls({ id: 'b', function: { arguments: '2' } }))).toEqual([
      [{ id: 'a', index: 0 }],
      [{ function: { arguments: '1' }, index: 0 }],
      [{ id: 'b', index: 1 }],
      [{ id: 'b', function: { arguments: '2' }, index: 1 }],
    ]);
    expect(deltas({ ...about, choices: [{ index: 0, delta: { content: 'x', tool_calls: null } }] })).toEqual([undefined]);
  });

  it('conformance 26: keep the choices of n=2 apart, tool calls too', () => {
    const both = (index: number, id: string): object => ({ ...about, choices: [{ index, delta: { tool_calls: [{ id }] } }] });
    const chunks = given(new StreamedChunks('chat.completions', false), bytesOf(both(0, 'a'), both(1, 'b'), both(0, 'c')));
    expect(chunks.map(({ choices }) => (choices as { delta: { tool_calls: { index: number }[] } }[])[0]!.delta.tool_calls[0]!.index)).toEqual([0, 0, 1]);
  });

  it('join data of several lines into one', () => {
    expect(new StreamedChunks('chat.completions', false).take(Buffer.from('{"id":"c1","created":7,\n"choices":[{"index":0}]}'))!.toString().split('\n')).toHaveLength(3);
  });

  it.each(['{"error":{"message":"cuda at 10.0.0.7"}}', 'not JSON', '7', '[]'])('refuse %s and repeat none of it', (text) => {
    const form = new StreamedChunks('chat.completions', false);
    expect(() => form.take(Buffer.from(text))).toThrow(expect.objectContaining({ message: expect.not.stringContaining('10.0.0.7') as unknown }));
  });

  it('end with an error that the clients read, and without [DONE]', () => {
    const text = new StreamedChunks('chat.completions', true).error(failure('ENGINE_FAILED', 'it broke')).toString();
    expect(JSON.parse(text.slice('data: '.length))).toEqual({ error: { message: 'it broke', type: 'server_error', param: null, code: 'ENGINE_FAILED' } });
    expect(text).not.toContain('DONE');
  });
});
