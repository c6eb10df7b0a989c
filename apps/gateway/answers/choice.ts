/** The members of what was said whose words are read. */
export const saidFields = ['content', 'reasoning_content', 'reasoning', 'refusal'] as const;

/** One choice of an answer, or a piece of one: of a chat (`delta` or `message`) or a completion (`text`). */
export interface Choice {
  index?: unknown;
  text?: unknown;
  delta?: Said | null;
  message?: Said | null;
  finish_reason?: unknown;
  logprobs?: unknown;
}

export interface Said extends Partial<Record<(typeof saidFields)[number], unknown>> {
  tool_calls?: unknown;
  /** What tools were called by before. */
  function_call?: Called | null;
}

export interface Called {
  name?: unknown;
  arguments?: unknown;
}
