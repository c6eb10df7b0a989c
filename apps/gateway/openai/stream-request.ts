import { z } from 'zod';
import type { Endpoint } from '#protocol';
import type { AnswerGuard } from '../answers/answer-guard.js';
import type { StreamForm } from '../request/streamed-job.js';
import { StreamedChunks } from './streamed-chunks.js';

/** What a request for text says about streaming. */
export const streamFields = {
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
};

/** The most tokens of one choice where a request names either limit or both: engines differ in which they heed. Null: neither. */
export function outputLimit({ max_tokens, max_completion_tokens }: { readonly max_tokens?: number | null | undefined; readonly max_completion_tokens?: number | null | undefined }): number | null {
  const given = [max_tokens, max_completion_tokens].filter((limit) => typeof limit === 'number');
  return given.length === 0 ? null : Math.max(...given);
}

interface StreamRequest {
  readonly stream?: boolean | null | undefined;
  readonly stream_options?: { readonly include_usage?: boolean | null | undefined } | null | undefined;
}

/** What the engine is sent, and how its events become the client's chunks. The engine is always asked for its usage: what streams is metered. */
export function streamOf<R extends StreamRequest>(endpoint: Endpoint, request: R): { sent: R; form: ((guard?: AnswerGuard) => StreamForm) | undefined } {
  if (request.stream !== true) return { sent: request, form: undefined };
  const isUsageWanted = request.stream_options?.include_usage === true;
  return {
    sent: { ...request, stream_options: { ...request.stream_options, include_usage: true } },
    form: (guard) => new StreamedChunks(endpoint, isUsageWanted, guard),
  };
}
