import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { scan } from '../classify/scan.js';
import { moderationRequest } from '../media/moderation-request.js';
import { pictureRequest } from '../media/picture-request.js';
import { speechRequest } from '../media/speech-request.js';
import { inputBound } from '../request/upper-bound.js';
import { responseRequest } from '../responses/response-request.js';
import { chatRequest, parseChat } from './chat-request.js';
import { completionsRequest, parseCompletions } from './completions-request.js';
import { embeddingsRequest, parseEmbeddings } from './embeddings-request.js';
import { writtenTexts } from './written-texts.js';

const embed = (body: object) => parseEmbeddings(embeddingsRequest.parse(body));
const chat = (body: object) => {
  const request = chatRequest.parse(body);
  return parseChat({ request, legible: request, images: 0 });
};

describe('embedding requests', () => {
  it('pass unknown fields on and keep the encoding that was asked for', () => {
    const { body } = embed({ model: 'm', input: ['a', 'b'], encoding_format: 'base64', truncate: true });
    expect(JSON.parse(body.toString())).toEqual({ model: 'm', input: ['a', 'b'], encoding_format: 'base64', truncate: true });
  });

  it.each([{ input: '' }, { input: [] }, { input: ['a', ''] }, { input: [1, 2] }, { input: [[1], [2]] }, {}, { input: 'a', encoding_format: 'int8' }, { input: Array.from({ length: 2_049 }, () => 'a') }])(
    'refuse a wrong input',
    (body) => {
      const parsed = embeddingsRequest.safeParse({ model: 'm', ...body });
      expect(parsed.success).toBe(false);
    },
  );

  it.each(['api_base', 'base_url', 'api_key'])('refuse %s: the caller does not choose where a request runs', (field) => {
    expect(embeddingsRequest.safeParse({ model: 'm', input: 'a', [field]: 'http://169.254.169.254' }).error?.issues[0]?.path).toEqual([field]);
    expect(chatRequest.safeParse({ model: 'm', messages: [{ role: 'user', content: 'a' }], [field]: 'x' }).success).toBe(false);
  });

  it('bound the tokens by the bytes, compatibility characters expanded', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => expect(inputBound([text])).toBeGreaterThanOrEqual(Buffer.byteLength(text.normalize('NFKC')))));
  });
});

describe('chat requests', () => {
  const messages = [{ role: 'user', content: 'hi' }];

  it('conformance 24: ask the engine for its usage whenever they stream, and only then', () => {
    const sent = (body: object): unknown => JSON.parse(chat({ model: 'm', messages, ...body }).body.toString());
    expect(sent({ stream: true })).toMatchObject({ stream: true, stream_options: { include_usage: true } });
    expect(sent({ stream: true, stream_options: { include_usage: false, chunk_size: 3 } })).toMatchObject({ stream_options: { include_usage: true, chunk_size: 3 } });
    expect(sent({ stream: false })).not.toHaveProperty('stream_options');
    expect(chat({ model: 'm', messages }).form).toBeUndefined();
  });

  it('conformance 41: send the limit that is reserved when the caller sets none', () => {
    const parsed = chat({ model: 'm', messages });
    expect((JSON.parse(parsed.body.toString()) as { max_tokens: number }).max_tokens).toBe(parsed.bound.outputTokens);
    expect(chat({ model: 'm', messages, max_completion_tokens: 7, n: 3 }).bound.outputTokens).toBe(21);
  });

  it('conformance 60: name each tool once, so that none stands in for another, and pass them on as they are', () => {
    const tool = (name: string) => ({ type: 'function', function: { name, parameters: { type: 'object' }, 'x-own': 1 } });
    const messages = [{ role: 'user', content: 'a' }];
    expect(chatRequest.safeParse({ model: 'm', messages, tools: [tool('send'), tool('send')] }).error?.issues[0]).toMatchObject({ path: ['tools', 1, 'function', 'name'] });
    expect(JSON.parse(chat({ model: 'm', messages, tools: [tool('send'), tool('read')] }).body.toString())).toMatchObject({ tools: [tool('send'), tool('read')] });
  });

  it('take tool calls with empty content, and refuse parts that are neither text nor image', () => {
    expect(chatRequest.safeParse({ model: 'm', messages: [{ role: 'assistant', content: null, tool_calls: [] }] }).success).toBe(true);
    expect(chatRequest.safeParse({ model: 'm', messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: '' } }] }] }).success).toBe(false);
  });
});

describe('completion requests', () => {
  const complete = (body: object) => parseCompletions(completionsRequest.parse({ model: 'm', ...body }));

  it('reserve for every prompt and choice, and send the limit that is reserved', () => {
    const parsed = complete({ prompt: ['a', 'b'], n: 2, best_of: 3, suffix: 'z', logit_bias: { 5: 1 } });
    expect(parsed.bound.outputTokens).toBe(16 * 2 * 3);
    expect(parsed.bound.inputTokens).toBeGreaterThanOrEqual(3);
    expect(JSON.parse(parsed.body.toString())).toMatchObject({ max_tokens: 16, logit_bias: { 5: 1 }, suffix: 'z' });
  });

  it('reserve for whichever limit an engine may heed, and let none be set beside them', () => {
    expect(complete({ prompt: 'a', max_tokens: 1, max_completion_tokens: 1_000 }).bound.outputTokens).toBe(1_000);
    expect(chat({ model: 'm', messages: [{ role: 'user', content: 'a' }], max_tokens: 1_000, max_completion_tokens: 1 }).bound.outputTokens).toBe(1_000);
    expect(completionsRequest.safeParse({ model: 'm', prompt: 'a', max_tokens: 1, n_predict: -1 }).success).toBe(false);
    expect(chatRequest.safeParse({ model: 'm', messages: [{ role: 'user', content: 'a' }], n_predict: 9 }).success).toBe(false);
  });

  it.each([{}, { prompt: '' }, { prompt: [] }, { prompt: [1, 2] }, { prompt: 'a', max_tokens: 0 }, { prompt: 'a', api_base: 'x' }])('refuse what is wrong: %j', (body) => {
    expect(completionsRequest.safeParse({ model: 'm', ...body }).success).toBe(false);
  });
});

describe('written texts', () => {
  it('are every text at any depth, names included, the model left out', () => {
    expect(writtenTexts({ model: 'm', input: ['a'], meta: { 'b@c.org': { d: ['e'] } } }).sort()).toEqual(['a', 'b@c.org', 'd', 'e']);
  });

  it('are long whole numbers too, where a person may have written them', () => {
    const tool = (parameters: object) => ({ type: 'function', function: { name: 'pay', parameters } });
    const texts = writtenTexts({ model: 'm', seed: 4111111111111111, messages: [], tools: [tool({ properties: { card: { enum: [5555555555554444, 7] }, share: { maximum: 12345678.5 } } })] });
    expect(texts).toContain('5555555555554444');
    expect(texts.filter((text) => /[0-9]/.test(text))).toEqual(['5555555555554444']);
    expect(scan(texts)).toEqual([{ kind: 'card', count: 1 }]);
  });

  it('are refused when nested beyond any meaning, without running out of stack', () => {
    const deep = JSON.parse(`{"input":${'['.repeat(100_000)}${']'.repeat(100_000)}}`) as Record<string, unknown>;
    expect(() => writtenTexts(deep)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
  });
});

describe('[31] fields that engines read beside those of the API', () => {
  const bodies = {
    chat: (more: object) => chatRequest.safeParse({ model: 'm', messages: [{ role: 'user', content: 'a' }], ...more }),
    completions: (more: object) => completionsRequest.safeParse({ model: 'm', prompt: 'a', ...more }),
    embeddings: (more: object) => embeddingsRequest.safeParse({ model: 'm', input: 'a', ...more }),
    responses: (more: object) => responseRequest.safeParse({ model: 'm', input: 'a', ...more }),
    moderations: (more: object) => moderationRequest.safeParse({ model: 'm', input: 'a', ...more }),
    speech: (more: object) => speechRequest.safeParse({ model: 'm', input: 'a', voice: 'b', ...more }),
    pictures: (more: object) => pictureRequest.safeParse({ model: 'm', prompt: 'a', ...more }),
  };
  const refused = {
    where: ['api_base', 'base_url', 'api_key', 'api_version', 'custom_llm_provider', 'litellm_credential_name', 'model_list', 'user_config', 'extra_headers', 'headers', 'extra_body', 'bootstrap_host', 'bootstrap_port', 'bootstrap_room', 'kv_transfer_params', 'lora_path'],
    'what nobody can read': ['input_ids', 'input_embeds', 'prompt_embeds', 'prompt_token_ids'],
    'what to execute': ['chat_template', 'custom_logit_processor'],
    'another limit': ['n_predict'],
  };

  describe.each(Object.entries(bodies))('of %s', (_endpoint, parse) => {
    it('takes the body without them', () => expect(parse({}).success).toBe(true));

    it.each(Object.entries(refused))('refuses those that say %s', (_what, names) => {
      for (const name of names) {
        const message = expect.stringMatching(/^may not be set: /) as unknown;
        expect(parse({ [name]: 'http://169.254.169.254' }).error?.issues).toEqual([expect.objectContaining({ path: [name], message })]);
      }
    });

    it('refuses a template among what a template is rendered with, and takes the rest of that', () => {
      expect(parse({ chat_template_kwargs: { enable_thinking: false } }).success).toBe(true);
      expect(parse({ chat_template_kwargs: { chat_template: '{{ x }}' } }).error?.issues).toEqual([expect.objectContaining({ path: ['chat_template_kwargs', 'chat_template'] })]);
    });
  });

  it('refuses messages to embed: an engine would fetch the images in them', () => {
    const messages = [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://169.254.169.254/' } }] }];
    expect(bodies.embeddings({ messages }).error?.issues).toEqual([expect.objectContaining({ path: ['messages'] })]);
  });
});
