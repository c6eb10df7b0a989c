import { z } from 'zod';
import type { BackgroundStatus } from '#protocol';
import type { ResponseRequest } from './response-request.js';

/** What an engine says of a chat's usage. */
export const chatUsage = z.looseObject({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  prompt_tokens_details: z.looseObject({ cached_tokens: z.int().nullish() }).nullish(),
  completion_tokens_details: z.looseObject({ reasoning_tokens: z.int().nullish() }).nullish(),
});
export type ChatUsage = z.output<typeof chatUsage>;

/** Whether a response is stored: until that has failed, as far as is known. */
export interface Storing {
  readonly isStored: boolean;
}

/** Why a response failed, by one of the codes that clients know. */
export interface ResponseFailure {
  readonly code: string;
  readonly message: string;
}

/** What a response is made of, beside what it repeats of its request. */
export interface ResponseParts {
  /** The request's id: what `resp_`, `msg_` and `fc_` are made of. */
  readonly id: string;
  /** Unix seconds. */
  readonly createdAt: number;
  readonly model: string;
  readonly status: BackgroundStatus;
  readonly incompleteReason?: string | undefined;
  readonly error?: ResponseFailure;
  readonly output: readonly object[];
  readonly usage: ChatUsage | null;
}

const cutShort: Readonly<Record<string, string>> = { length: 'max_output_tokens', content_filter: 'content_filter' };

/** Why a chat that ended so is not complete; undefined when it is. */
export const incompleteReason = (finish: string | null | undefined): string | undefined => (finish ? cutShort[finish] : undefined);

/** Ids of a response and of what is in it. */
export const responseIds = (id: string): { response: string; message: string; call(n: number): string } => {
  const hex = id.replaceAll('-', '');
  return { response: `resp_${hex}`, message: `msg_${hex}`, call: (n) => `fc_${hex}${n}` };
};

/** A response as OpenAI's clients see it. */
export const responseObject = (request: ResponseRequest, storing: Storing, { id, createdAt, model, status, incompleteReason: reason, error, output, usage }: ResponseParts): Record<string, unknown> => ({
  ...{ id: responseIds(id).response, object: 'response', created_at: createdAt, status, error: error ?? null, incomplete_details: reason === undefined ? null : { reason }, model, output },
  ...echoOf(request, storing.isStored),
  usage: usage && {
    input_tokens: usage.prompt_tokens,
    input_tokens_details: { cached_tokens: usage.prompt_tokens_details?.cached_tokens ?? 0 },
    output_tokens: usage.completion_tokens,
    output_tokens_details: { reasoning_tokens: usage.completion_tokens_details?.reasoning_tokens ?? 0 },
    total_tokens: usage.total_tokens,
  },
});

/** What a response repeats of its request. `store` says whether it is stored, whatever was asked for. */
const echoOf = (request: ResponseRequest, isStored: boolean): object => ({
  background: request.background === true,
  instructions: request.instructions ?? null,
  max_output_tokens: request.max_output_tokens ?? null,
  metadata: request.metadata ?? {},
  parallel_tool_calls: request.parallel_tool_calls ?? true,
  previous_response_id: request.previous_response_id ?? null,
  reasoning: { effort: request.reasoning?.effort ?? null, summary: null },
  store: isStored,
  temperature: request.temperature ?? null,
  text: { format: request.text?.format ?? { type: 'text' } },
  tool_choice: request.tool_choice ?? 'auto',
  tools: request.tools ?? [],
  top_p: request.top_p ?? null,
  truncation: request.truncation ?? 'disabled',
});
