import { z } from 'zod';
import { failure } from '#protocol';
import { chatUsage, incompleteReason, responseIds, responseObject } from './response-object.js';
import type { Storing } from './response-object.js';
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
  usage: chatUsage,
});

/** A chat's answer as a response. `id` is the request's. Error: NODE_PROTOCOL. */
export function toResponse(id: string, request: ResponseRequest, storing: Storing, answer: Buffer): Buffer {
  const { created, model, choices, usage } = read(answer);
  const { message, finish_reason: finish } = choices[0]!;
  const ids = responseIds(id);
  const reason = incompleteReason(finish);
  const status = reason === undefined ? 'completed' : 'incomplete';
  const said = [
    ...(message.content ? [{ type: 'output_text', text: message.content, annotations: [], logprobs: [] }] : []),
    ...(message.refusal ? [{ type: 'refusal', refusal: message.refusal }] : []),
  ];
  const calls = (message.tool_calls ?? []).map((call, n) => ({ type: 'function_call', id: ids.call(n), call_id: call.id, name: call.function.name, arguments: call.function.arguments, status }));
  const output = [...(said.length > 0 || calls.length === 0 ? [{ type: 'message', id: ids.message, status, role: 'assistant', content: said }] : []), ...calls];
  return Buffer.from(JSON.stringify(responseObject(request, storing, { id, createdAt: created, model, status, incompleteReason: reason, output, usage })));
}

function read(answer: Buffer): z.output<typeof completion> {
  try {
    return completion.parse(JSON.parse(answer.toString('utf8')));
  } catch (error) {
    throw failure('NODE_PROTOCOL', 'the engine answered something else than a chat completion', {}, error);
  }
}
