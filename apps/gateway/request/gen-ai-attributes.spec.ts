import { describe, expect, it } from '@jest/globals';
import { requestAttributes, responseAttributes } from './gen-ai-attributes.js';

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

describe('attributes of generative AI', () => {
  it('say of a request how it is to be answered, and nothing that a person wrote', () => {
    const body = json({ model: 'm', messages: [{ role: 'user', content: 'aubergine' }], stop: ['aubergine'], user: 'aubergine', n: 2, seed: 7, temperature: 0.5, max_completion_tokens: 9, stream: false });
    const attributes = requestAttributes({ endpoint: 'chat.completions', body });
    expect(attributes).toEqual({ 'gen_ai.request.choice.count': 2, 'gen_ai.request.seed': 7, 'gen_ai.request.temperature': 0.5, 'gen_ai.request.max_tokens': 9, 'gen_ai.request.stream': false });
  });

  it('say of an answer who gave it, why it ended and what it took', () => {
    const engineBody = json({
      id: 'chatcmpl-1',
      model: 'm-2026',
      choices: [{ finish_reason: 'stop', message: { content: 'aubergine' } }, { finish_reason: 'length' }],
      usage: { prompt_tokens: 9, completion_tokens: 8, prompt_tokens_details: { cached_tokens: 4 }, completion_tokens_details: { reasoning_tokens: 3 } },
    });
    expect(responseAttributes({ engineBody, usage: { inputTokens: 9, outputTokens: 8 } })).toEqual({
      'gen_ai.response.id': 'chatcmpl-1',
      'gen_ai.response.model': 'm-2026',
      'gen_ai.response.finish_reasons': ['stop', 'length'],
      'gen_ai.usage.input_tokens': 9,
      'gen_ai.usage.output_tokens': 8,
      'gen_ai.usage.cache_read.input_tokens': 4,
      'gen_ai.usage.reasoning.output_tokens': 3,
    });
  });

  it.each(['', 'no json', 'null', '[1]', '{"choices":{},"usage":7}'])('say nothing of an answer that says nothing: %s', (text) => {
    expect(responseAttributes({ engineBody: Buffer.from(text) })).toEqual({});
  });
});
