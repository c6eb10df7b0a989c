import { measuredMeters } from '#kernel';
import type { MeterQuantities } from '#kernel';
import { failure } from '#protocol';
import type { Usage } from '#protocol';

/** The most that a job can use: tokens, and what else it can be measured in. Of cached tokens nothing is foreseen. */
export interface TokenBound {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly meters?: Omit<MeterQuantities, 'cached_tokens'> | undefined;
}

/** Tokens that an engine adds to each input: start, end, role markers. */
const markersPerInput = 16;

/** A token stands for at least one byte of text, so the bytes bound the tokens; tokenizers may first expand compatibility characters. */
export function inputBound(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Math.max(Buffer.byteLength(text), Buffer.byteLength(text.normalize('NFKD'))) + markersPerInput, 0);
}

export function isWithin({ inputTokens, outputTokens, meters: used = {} }: Usage, bound: TokenBound): boolean {
  const most: MeterQuantities = { ...bound.meters, cached_tokens: inputTokens };
  return inputTokens <= bound.inputTokens && outputTokens <= bound.outputTokens && measuredMeters.every((meter) => (used[meter] ?? 0) <= (most[meter] ?? 0));
}

/** A node that claims more than the job can have used is not believed. Error: NODE_PROTOCOL. */
export function checkUsage(usage: Usage, bound: TokenBound): void {
  if (!isWithin(usage, bound)) {
    throw failure('NODE_PROTOCOL', 'the node claims more than the request and its limits can hold', { usage, bound });
  }
}
