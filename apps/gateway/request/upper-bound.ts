import { failure } from '#protocol';
import type { Usage } from '#protocol';

/** The most tokens that a job can use. */
export interface TokenBound {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Tokens that an engine adds to each input: start, end, role markers. */
const markersPerInput = 16;

/** A token stands for at least one byte of text, so the bytes bound the tokens; tokenizers may first expand compatibility characters. */
export function inputBound(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Math.max(Buffer.byteLength(text), Buffer.byteLength(text.normalize('NFKD'))) + markersPerInput, 0);
}

export const isWithin = (usage: Usage, bound: TokenBound): boolean => usage.inputTokens <= bound.inputTokens && usage.outputTokens <= bound.outputTokens;

/** A node that claims more tokens than the job can have used is not believed. Error: NODE_PROTOCOL. */
export function checkUsage(usage: Usage, bound: TokenBound): void {
  if (!isWithin(usage, bound)) {
    throw failure('NODE_PROTOCOL', 'the node claims more tokens than the request and its limits can hold', { usage, bound });
  }
}
