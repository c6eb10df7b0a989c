import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import type { NodeJobInput, NodeJobOutput } from '#wire';
import { GatewayStack, eventually } from '../gateway-harness.js';

describe('responses, with the official client', () => {
  let nats: TestNats;
  let stack: GatewayStack;
  let client: OpenAI;
  let asked: Record<string, unknown>;
  let says: { message: object; finish_reason: string };

  async function chat({ body }: NodeJobInput): Promise<NodeJobOutput> {
    asked = JSON.parse(body.toString()) as Record<string, unknown>;
    const answer = { id: 'c', object: 'chat.completion', created: 1_700_000_000, model: 'talk', choices: [{ index: 0, ...says }], usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 } };
    return { status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify(answer)), usage: { inputTokens: 5, outputTokens: 2 } };
  }

  beforeAll(async () => {
    nats = await testNats();
    stack = await GatewayStack.start(nats);
    const apiKey = await stack.key('developer');
    await stack.node(1, chat, { model: 'talk', endpoints: ['chat.completions'], capacity: 10 });
    client = new OpenAI({ baseURL: `${stack.url}/v1`, apiKey, maxRetries: 0 });
    await eventually(async () => (await client.models.list()).data.length === 1);
  });
  afterAll(async () => {
    await stack?.stop();
    await nats?.stop();
  });

  it('answer text, with what was used, under a record like any request', async () => {
    says = { message: { role: 'assistant', content: 'Balanced.' }, finish_reason: 'stop' };
    const { data, response } = await client.responses.create({ model: 'talk', instructions: 'Weigh.', input: 'How does it stand?', max_output_tokens: 50, store: true, metadata: { a: 'b' } }).withResponse();
    expect(data).toMatchObject({ object: 'response', status: 'completed', output_text: 'Balanced.', store: false, error: null, incomplete_details: null, metadata: { a: 'b' }, usage: { input_tokens: 5, output_tokens: 2, total_tokens: 7 } });
    expect(asked).toEqual({ model: 'talk', messages: [{ role: 'system', content: 'Weigh.' }, { role: 'user', content: 'How does it stand?' }], max_tokens: 50 });
    const record = response.headers.get('x-mizan-record');
    await eventually(() => stack.records.filter(({ id }) => id === record).length === 2);
  });

  it('call functions and take their outputs, in the form that engines know', async () => {
    says = { message: { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'weigh', arguments: '{"kg":1}' } }] }, finish_reason: 'tool_calls' };
    const tools: OpenAI.Responses.Tool[] = [{ type: 'function', name: 'weigh', parameters: { type: 'object' }, strict: true }];
    const first = await client.responses.create({ model: 'talk', input: 'Weigh it', tools, tool_choice: { type: 'function', name: 'weigh' } });
    expect(first.output).toMatchObject([{ type: 'function_call', call_id: 'call_1', name: 'weigh', arguments: '{"kg":1}', status: 'completed' }]);
    expect(asked).toMatchObject({ tools: [{ type: 'function', function: { name: 'weigh', parameters: { type: 'object' }, strict: true } }], tool_choice: { type: 'function', function: { name: 'weigh' } } });
    says = { message: { role: 'assistant', content: 'One kilo' }, finish_reason: 'length' };
    const second = await client.responses.create({
      model: 'talk',
      input: [{ role: 'user', content: [{ type: 'input_text', text: 'Weigh it' }] }, ...(first.output as OpenAI.Responses.ResponseFunctionToolCall[]), { type: 'function_call_output', call_id: 'call_1', output: '1 kg' }],
      text: { format: { type: 'json_schema', name: 'w', schema: { type: 'object' } } },
    });
    expect(second).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, output_text: 'One kilo' });
    expect(asked).toMatchObject({
      messages: [{ role: 'user', content: 'Weigh it' }, { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'weigh', arguments: '{"kg":1}' } }] }, { role: 'tool', tool_call_id: 'call_1', content: '1 kg' }],
      response_format: { type: 'json_schema', json_schema: { name: 'w', schema: { type: 'object' } } },
    });
  });

  describe('streamed', () => {
    let pieces: string[];
    const piece = (delta: object, finish: string | null = null): string => `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1_700_000_000, model: 'flow', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
    const end = `data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 } })}\n\ndata: [DONE]\n\n`;

    beforeAll(async () => {
      const flow = async ({ body }: NodeJobInput): Promise<NodeJobOutput> => {
        asked = JSON.parse(body.toString()) as Record<string, unknown>;
        async function* bytes(): AsyncGenerator<Buffer> {
          for (const one of pieces) yield Buffer.from(one);
        }
        return { status: 200, contentType: 'text/event-stream', body: bytes(), usage: Promise.resolve({ inputTokens: 5, outputTokens: 2 }) };
      };
      await stack.node(2, flow, { model: 'flow', endpoints: ['chat.completions'], capacity: 10 });
      await eventually(async () => (await client.models.list()).data.length === 2);
    });

    it('come to the official client’s own helper, text and all, under a record like any request', async () => {
      pieces = [piece({ role: 'assistant', content: '{"kg"' }), piece({ content: ':1}' }, 'stop'), end];
      const heard: string[] = [];
      const stream = client.responses.stream({ model: 'flow', instructions: 'Weigh.', input: 'It', text: { format: { type: 'json_schema', name: 'w', schema: { type: 'object' } } } });
      stream.on('response.output_text.delta', ({ delta, snapshot }) => heard.push(`${delta}|${snapshot}`));
      const final = await stream.finalResponse();
      expect(heard).toEqual(['{"kg"|{"kg"', ':1}|{"kg":1}']);
      expect(final).toMatchObject({ status: 'completed', output_text: '{"kg":1}', store: false, usage: { input_tokens: 5, output_tokens: 2, total_tokens: 7 } });
      expect(asked).toMatchObject({ stream: true, stream_options: { include_usage: true }, messages: [{ role: 'system', content: 'Weigh.' }, { role: 'user', content: 'It' }], response_format: { type: 'json_schema' } });
      const record = final.id.slice('resp_'.length);
      await eventually(() => stack.records.filter(({ id }) => id.replaceAll('-', '') === record).length === 2);
    });

    it('call functions', async () => {
      pieces = [piece({ tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'weigh', arguments: '' } }] }), piece({ tool_calls: [{ index: 0, function: { arguments: '{"kg":1}' } }] }), piece({}, 'tool_calls'), end];
      const stream = client.responses.stream({ model: 'flow', input: 'Weigh it', tools: [{ type: 'function', name: 'weigh', parameters: { type: 'object' }, strict: false }] });
      const heard: string[] = [];
      stream.on('response.function_call_arguments.delta', ({ snapshot }) => heard.push(snapshot));
      expect((await stream.finalResponse()).output).toMatchObject([{ type: 'function_call', call_id: 'call_1', name: 'weigh', arguments: '{"kg":1}', status: 'completed' }]);
      expect(heard).toEqual(['{"kg":1}']);
    });

    it('that break off end as failed, charged for what came', async () => {
      pieces = [piece({ content: 'half a' })];
      const { data, response } = await client.responses.create({ model: 'flow', input: 'a', stream: true }).withResponse();
      const events: OpenAI.Responses.ResponseStreamEvent[] = [];
      for await (const event of data) events.push(event);
      expect(events.at(-1)).toMatchObject({ type: 'response.failed', response: { status: 'failed', error: { code: 'server_error' } } });
      const record = response.headers.get('x-mizan-record');
      const ended = () => stack.records.find(({ id, type }) => id === record && type === 'completed');
      await eventually(() => ended() !== undefined);
      expect(ended()!.facts).toMatchObject({ outcome: 'cut' });
    });

    it('that no machine can begin have their status', async () => {
      await expect(client.responses.create({ model: 'none', input: 'a', stream: true })).rejects.toMatchObject({ status: 404, param: 'model' });
    });
  });

  it.each<[string, () => Promise<unknown>, number, string | null]>([
    ['the background', () => client.responses.create({ model: 'talk', input: 'a', background: true }), 400, 'background'],
    ['an image from inside', () => client.responses.create({ model: 'talk', input: [{ role: 'user', content: [{ type: 'input_image', detail: 'auto', image_url: 'http://169.254.169.254/' }] }] }), 400, 'messages[0].content[0].image_url.url'],
    ['a search of the web', () => client.responses.create({ model: 'talk', input: 'a', tools: [{ type: 'web_search' }] }), 400, 'tools.0.type'],
    ['an earlier response', () => client.responses.create({ model: 'talk', input: 'a', previous_response_id: 'resp_1' }), 404, 'previous_response_id'],
    ['a kept response', () => client.responses.retrieve('resp_1'), 404, null],
    ['the end of a kept response', () => client.responses.delete('resp_1'), 404, null],
    ['the end of one in the background', () => client.responses.cancel('resp_1'), 404, null],
    ['the input of a kept response', () => client.responses.inputItems.list('resp_1'), 404, null],
    ['moderation', () => client.moderations.create({ input: 'a' }), 404, 'model'],
    ['images', () => client.images.generate({ prompt: 'a', model: 'paint' }), 404, 'model'],
    ['speech', () => client.audio.speech.create({ input: 'a', model: 'voice', voice: 'alloy' }), 404, 'model'],
    ['transcription', () => client.audio.transcriptions.create({ file: new File(['a'], 'a.wav'), model: 'ear' }), 404, 'model'],
  ])('say in OpenAI’s shape that there is not: %s', async (_what, act, status, param) => {
    await expect(Promise.resolve(act())).rejects.toMatchObject({ status, param });
  });
});
