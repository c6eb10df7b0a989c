import { z } from 'zod';
import { failure } from '#protocol';
import { noRefusedFields } from '../openai/refused-fields.js';

const textPart = z.looseObject({ type: z.enum(['input_text', 'output_text', 'refusal']), text: z.string().optional(), refusal: z.string().optional() });
const textParts = z.array(textPart, { error: 'must be a text or text parts' });
const imagePart = z.looseObject({ type: z.literal('input_image'), image_url: z.string().min(1), detail: z.string().nullish() });
const parts = z.array(z.union([textPart, imagePart], { error: 'only parts of type input_text, input_image, output_text and refusal are supported' }));
const messageItem = z.looseObject({ type: z.literal('message').optional(), role: z.enum(['user', 'assistant', 'system', 'developer']), content: z.union([z.string(), parts]) });
const callItem = z.looseObject({ type: z.literal('function_call'), call_id: z.string().min(1), name: z.string().min(1), arguments: z.string() });
const resultItem = z.looseObject({ type: z.literal('function_call_output'), call_id: z.string().min(1), output: z.union([z.string(), textParts]) });
export const item = z.union([callItem, resultItem, messageItem], { error: 'must be a message of texts and images, a function_call or a function_call_output' });

const tool = z.looseObject({
  type: z.literal('function', { error: 'only functions are supported' }),
  name: z.string().min(1),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
});
const format = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object') }),
  z.looseObject({ type: z.literal('json_schema'), name: z.string().min(1), schema: z.record(z.string(), z.unknown()), description: z.string().nullish(), strict: z.boolean().nullish() }),
]);

/** `POST /v1/responses`. Fields that are not listed go to the engine as they are. */
export const responseRequest = z
  .looseObject({
    model: z.string().min(1).max(200),
    input: z.union([z.string().min(1), z.array(item).min(1)], { error: 'must be a text, or messages of text parts, function calls and their outputs' }),
    instructions: z.string().nullish(),
    max_output_tokens: z.int().positive().nullish(),
    temperature: z.number().nullish(),
    top_p: z.number().nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    tools: z.array(tool).nullish(),
    tool_choice: z.union([z.enum(['none', 'auto', 'required']), z.looseObject({ type: z.literal('function'), name: z.string().min(1) })], { error: 'must be none, auto, required or a function' }).nullish(),
    text: z.looseObject({ format: format.nullish() }).nullish(),
    reasoning: z.looseObject({ effort: z.string().nullish() }).nullish(),
    metadata: z.record(z.string(), z.string()).nullish(),
    store: z.boolean().nullish(),
    stream: z.boolean().nullish(),
    stream_options: z.looseObject({}).nullish(),
    background: z.boolean().nullish(),
    previous_response_id: z.string().nullish(),
    conversation: z.unknown().optional(),
    truncation: z.enum(['disabled', 'auto']).nullish(),
    include: z.array(z.string()).nullish(),
    user: z.string().nullish(),
  })
  .superRefine(noRefusedFields);
export type ResponseRequest = z.output<typeof responseRequest>;

export type ResponseItem = z.output<typeof item>;

/** Error: NOT_FOUND. */
export function assertNoConversation({ conversation }: ResponseRequest): void {
  if (conversation !== undefined && conversation !== null) throw failure('NOT_FOUND', 'there is no such conversation: conversations are not kept here', { param: 'conversation' });
}
