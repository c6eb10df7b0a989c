import { z } from 'zod';
import type { JobUsage } from '#wire';

const answerUsage = z.object({ usage: z.object({ prompt_tokens: z.int().nonnegative(), completion_tokens: z.int().nonnegative().nullish() }) });

/** The usage that an engine states in an answer or a chunk. */
export function saidUsage(answer: unknown): JobUsage | undefined {
  const usage = answerUsage.safeParse(answer).data?.usage;
  return usage && { inputTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens ?? 0 };
}
