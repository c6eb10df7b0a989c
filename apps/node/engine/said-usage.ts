import { z } from 'zod';
import type { JobUsage } from '#wire';

const answerUsage = z.object({
  usage: z.object({
    prompt_tokens: z.int().nonnegative(),
    completion_tokens: z.int().nonnegative().nullish(),
    prompt_tokens_details: z.object({ cached_tokens: z.int().nonnegative().nullish() }).nullish().catch(null),
  }),
});

/** The usage that an engine states in an answer or a chunk. */
export function saidUsage(answer: unknown): JobUsage | undefined {
  const usage = answerUsage.safeParse(answer).data?.usage;
  if (usage === undefined) return undefined;
  // A part of the prompt; engines that know of no cache, or found nothing in it, leave it out.
  const cached = Math.min(usage.prompt_tokens_details?.cached_tokens ?? 0, usage.prompt_tokens);
  return { inputTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens ?? 0, ...(cached > 0 && { meters: { cached_tokens: cached } }) };
}
