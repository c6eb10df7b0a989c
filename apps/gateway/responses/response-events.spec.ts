import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { accumulateResponse } from 'openai/lib/responses/ResponseAccumulator';
import type { ResponseStreamEvent } from 'openai/resources/responses/responses';
import { EventReader, failure } from '#protocol';
import { ResponseEvents } from './response-events.js';
import type { ResponseRequest } from './response-request.js';

const request: ResponseRequest = { model: 'm', input: 'a' };
const id = '00000000-0000-7000-8000-00000000abcd';
const chunk = (delta: object, finish: string | null = null, more: object = {}): Buffer => Buffer.from(JSON.stringify({ id: 'c', created: 7, model: 'engine', choices: [{ index: 0, delta, finish_reason: finish }], ...more }));
const done = Buffer.from('[DONE]');
const used = { inputTokens: 2, outputTokens: 3 };

function eventsOf(bytes: Buffer): ResponseStreamEvent[] {
  return [...new EventReader().take(bytes)].map(({ data }) => JSON.parse(data.toString()) as ResponseStreamEvent);
}
function streamed(...chunks: Buffer[]): ResponseStreamEvent[] {
  const form = new ResponseEvents(id, request, { isStored: false });
  return eventsOf(Buffer.concat([...[...chunks, done].flatMap((data) => form.take(data) ?? []), form.end(used)]));
}

describe('events of a streamed response', () => {
  it('come in the order that OpenAI’s do, each under its name and numbered', () => {
    const form = new ResponseEvents(id, request, { isStored: false });
    const first = form.take(chunk({ role: 'assistant', content: 'The ' }))!;
    expect(first.toString()).toMatch(/^event: response\.created\ndata: \{"type":"response\.created"/);
    const events = [...eventsOf(first), ...eventsOf(Buffer.concat([form.take(chunk({ content: 'scales.' }, 'stop'))!, form.end(used)]))];
    expect(events.map(({ type }) => type)).toEqual([
      ...['response.created', 'response.in_progress', 'response.output_item.added', 'response.content_part.added', 'response.output_text.delta', 'response.output_text.delta'],
      ...['response.output_text.done', 'response.content_part.done', 'response.output_item.done', 'response.completed'],
    ]);
    expect(events.map(({ sequence_number: n }) => n)).toEqual(events.map((_event, n) => n));
    expect(events.at(-1)).toMatchObject({ response: { id: `resp_${id.replaceAll('-', '')}`, created_at: 7, model: 'engine', status: 'completed', usage: { input_tokens: 2, output_tokens: 3, total_tokens: 5 } } });
  });

  it('told one after another make the very response that the last one holds, whatever was said in whatever pieces', () => {
    const text = fc.string({ minLength: 1, maxLength: 6, unit: 'grapheme' });
    const delta = fc.oneof(
      text.map((content) => ({ content })),
      text.map((refusal) => ({ refusal })),
      fc.tuple(fc.nat(3), text).map(([index, pieces]) => ({ tool_calls: [{ index, id: `call_${index}`, type: 'function', function: { name: `f${index}`, arguments: pieces } }] })),
      fc.constantFrom({}, { content: '' }, { content: null, tool_calls: null }, { reasoning_content: 'hm' }),
    );
    fc.assert(
      fc.property(fc.array(delta, { maxLength: 12 }), fc.constantFrom('stop', 'length', 'tool_calls'), (deltas, finish) => {
        const events = streamed(...deltas.map((one) => chunk(one)), chunk({}, finish));
        const last = events.pop() as Extract<ResponseStreamEvent, { type: 'response.completed' | 'response.incomplete' }>;
        expect(last.type).toBe(finish === 'length' ? 'response.incomplete' : 'response.completed');
        const snapshot = events.reduce<ReturnType<typeof accumulateResponse> | undefined>((before, event) => accumulateResponse(event, before), undefined)!;
        expect(snapshot.output).toEqual(last.response.output);
        const said = (of: string): string => deltas.map((one) => (one as Record<string, unknown>)[of]).filter((piece) => typeof piece === 'string').join('');
        expect(last.response.output.flatMap((item) => (item.type === 'message' ? item.content : [])).map((part) => (part.type === 'refusal' ? part.refusal : part.text)).sort()).toEqual([said('content'), said('refusal')].filter(Boolean).sort());
      }),
    );
  });

  it('keep the engine’s own usage, and say why a response is not complete', () => {
    const usage = { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11, prompt_tokens_details: { cached_tokens: 8 } };
    expect(streamed(chunk({ content: 'a' }, 'length'), Buffer.from(JSON.stringify({ choices: [], usage }))).at(-1)).toMatchObject({
      type: 'response.incomplete',
      response: { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, output: [{ status: 'incomplete' }], usage: { input_tokens: 9, input_tokens_details: { cached_tokens: 8 }, output_tokens: 2 } },
    });
  });

  it('end with a failed response when the answer breaks off', () => {
    const form = new ResponseEvents(id, request, { isStored: false });
    form.take(chunk({ content: 'half' }));
    expect(() => form.take(Buffer.from('{"error":{"message":"no"}}'))).toThrow(expect.objectContaining({ code: 'ENGINE_FAILED' }));
    expect(() => form.take(Buffer.from('half a chunk'))).toThrow(expect.objectContaining({ code: 'NODE_PROTOCOL' }));
    expect(form.produced.text).toBe('half');
    expect(form.isWhole).toBe(false);
    expect(eventsOf(form.error(failure('ENGINE_FAILED', 'the answer broke off')))).toMatchObject([{ type: 'response.failed', response: { status: 'failed', error: { code: 'server_error', message: 'the answer broke off' }, output: [{ status: 'incomplete', content: [{ text: 'half' }] }] } }]);
  });
});
