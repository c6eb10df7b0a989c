import { z } from 'zod';
import { failure } from '#protocol';
import type { ResponseRequest } from './response-request.js';

const completion = z.looseObject({
  created: z.int(),
  model: z.string(),
  choices: z
    .array(
      z.looseObject({
        message: z.looseObject({
          content: z.string().nullish(),
          refusal: z.string().nullish(),
          tool_calls: z.array(z.looseObject({ id: z.string(), function: z.looseObject({ name: z.string(), arguments: z.string() }) })).nullish(),
        }),
        finish_reason: z.string().nullish(),
      }),
    )
    .min(1),
  usage: z.looseObject({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    total_tokens: z.int(),
    prompt_tokens_details: z.looseObject({ cached_tokens: z.int().nullish() }).nullish(),
    completion_tokens_details: z.looseObject({ reasoning_tokens: z.int().nullish() }).nullish(),
  }),
});

const cutShort: Readonly<Record<string, string>> = { length: 'max_output_tokens', content_filter: 'content_filter' };

/** A chat's answer as a response. `id` is the request's: what `resp_`, `msg_` and `fc_` are made of. Error: NODE_PROTOCOL. */
export function toResponse(id: string, request: ResponseRequest, answer: Buffer): Buffer {
  const { created, model, choices, usage } = read(answer);
  const { message, finish_reason: finish } = choices[0]!;
  const hex = id.replaceAll('-', '');
  const reason = finish ? cutShort[finish] : undefined;
  const status = reason === undefined ? 'completed' : 'incomplete';
  const said = [
    ...(message.content ? [{ type: 'output_text', text: message.content, annotations: [], logprobs: [] }] : []),
    ...(message.refusal ? [{ type: 'refusal', refusal: message.refusal }] : []),
  ];
  const calls = (message.tool_calls ?? []).map((call, n) => ({ type: 'function_call', id: `fc_${hex}${n}`, call_id: call.id, name: call.function.name, arguments: call.function.arguments, status }));
  const output = [...(said.length > 0 || calls.length === 0 ? [{ type: 'message', id: `msg_${hex}`, status, role: 'assistant', content: said }] : []), ...calls];
  return Buffer.from(
    JSON.stringify({
      ...{ id: `resp_${hex}`, object: 'response', created_at: created, status, error: null, incomplete_details: reason === undefined ? null : { reason }, model, output },
      ...echoOf(request),
      usage: {
        input_tokens: usage.prompt_tokens,
        input_tokens_details: { cached_tokens: usage.prompt_tokens_details?.cached_tokens ?? 0 },
        output_tokens: usage.completion_tokens,
        output_tokens_details: { reasoning_tokens: usage.completion_tokens_details?.reasoning_tokens ?? 0 },
        total_tokens: usage.total_tokens,
      },
    }),
  );
}

/** What a response repeats of its request. Nothing is kept, so `store` is false whatever was asked for. */
const echoOf = (request: ResponseRequest): object => ({
  background: false,
  instructions: request.instructions ?? null,
  max_output_tokens: request.max_output_tokens ?? null,
  metadata: request.metadata ?? {},
  parallel_tool_calls: request.parallel_tool_calls ?? true,
  previous_response_id: null,
  reasoning: { effort: request.reasoning?.effort ?? null, summary: null },
  store: false,
  temperature: request.temperature ?? null,
  text: { format: request.text?.format ?? { type: 'text' } },
  tool_choice: request.tool_choice ?? 'auto',
  tools: request.tools ?? [],
  top_p: request.top_p ?? null,
  truncation: request.truncation ?? 'disabled',
});

function read(answer: Buffer): z.output<typeof completion> {
  try {
    return completion.parse(JSON.parse(answer.toString('utf8')));
  } catch (error) {
    throw failure('NODE_PROTOCOL', 'the engine answered something else than a chat completion', {}, error);
  }
}
