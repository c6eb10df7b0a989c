/** What is left of the tightest limit of a kind. */
export interface Left {
  readonly limit: number;
  readonly remaining: number;
  readonly resetMs: number;
}

/** `x-ratelimit-*` as OpenAI sends them; a kind without a limit has none. */
export function rateHeaders(requests: Left | undefined, tokens: Left | undefined): Record<string, string> {
  return { ...headersOf('requests', requests), ...headersOf('tokens', tokens) };
}

function headersOf(kind: 'requests' | 'tokens', left: Left | undefined): Record<string, string> {
  if (!left) return {};
  return {
    [`x-ratelimit-limit-${kind}`]: String(left.limit),
    [`x-ratelimit-remaining-${kind}`]: String(left.remaining),
    [`x-ratelimit-reset-${kind}`]: inWords(left.resetMs),
  };
}

/** `6m0s`, `1s`, `20ms`: rounded up. */
export function inWords(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1_000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

/** The one with the least left. */
export function tightest(all: readonly Left[]): Left | undefined {
  return all.reduce<Left | undefined>((least, left) => (least && least.remaining <= left.remaining ? least : left), undefined);
}
