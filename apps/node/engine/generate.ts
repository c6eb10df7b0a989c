import type { LlamaContextSequence, Token } from 'node-llama-cpp';
import type { Usage } from '#protocol';
import type { FinishReason } from './generation-answer.js';
import type { GenerationRequest } from './generation-request.js';
import type { ChatStops, LlamaRuntime } from './llama-runtime.js';
import { StopSequences } from './stop-sequences.js';
import { TokenText } from './token-text.js';

/** Prompt tokens evaluated between two looks at the signal: about 50 ms of a small model on two cores. */
const promptSliceTokens = 64;

/** One generation under way. */
export class Generation {
  private produced = 0;
  private reason: FinishReason = 'stop';
  private readonly recent: Token[] = [];

  constructor(
    private readonly runtime: LlamaRuntime,
    private readonly request: GenerationRequest,
    private readonly prompt: readonly Token[],
    private readonly stops: ChatStops,
    private readonly signal: AbortSignal,
  ) {}

  /** Output: tokens decoded so far, the one that ended it included. */
  get usage(): Usage {
    return { inputTokens: this.prompt.length, outputTokens: this.produced };
  }

  get finish(): FinishReason {
    return this.reason;
  }

  /** The text as it is decoded: nothing is decoded ahead of the reader. Error: the signal's reason. */
  async *text(): AsyncGenerator<string> {
    const sequence = await this.runtime.take();
    try {
      await this.readPrompt(sequence);
      yield* this.decode(sequence);
    } finally {
      await this.runtime.give(sequence);
    }
  }

  private async readPrompt(sequence: LlamaContextSequence): Promise<void> {
    for (let at = 0; at < this.prompt.length - 1; at += promptSliceTokens) {
      this.signal.throwIfAborted();
      await sequence.evaluateWithoutGeneratingNewTokens(this.prompt.slice(at, Math.min(at + promptSliceTokens, this.prompt.length - 1)));
    }
  }

  private async *decode(sequence: LlamaContextSequence): AsyncGenerator<string> {
    const { model, contextTokens } = this.runtime;
    const text = new TokenText<Token>((tokens, before) => model.detokenize(tokens, false, before));
    const stops = new StopSequences([...this.request.stop, ...this.stops.texts]);
    const limit = Math.min(this.request.maxTokens ?? Infinity, contextTokens - this.prompt.length);
    for await (const token of sequence.evaluate(this.prompt.slice(-1), this.sampling())) {
      this.signal.throwIfAborted();
      this.produced += 1;
      if (model.isEogToken(token) || this.stops.tokens.has(token)) break;
      const shown = stops.take(text.take(token));
      if (shown !== '') yield shown;
      if (stops.stopped) return;
      if (this.produced >= limit) {
        this.reason = 'length';
        break;
      }
      this.recent.push(token);
    }
    const rest = stops.take(text.rest()) + stops.rest();
    if (rest !== '') yield rest;
  }

  private sampling(): NonNullable<Parameters<LlamaContextSequence['evaluate']>[1]> {
    const { temperature, topP, topK, minP, seed, frequencyPenalty, presencePenalty } = this.request;
    const penalised = frequencyPenalty !== 0 || presencePenalty !== 0;
    return {
      ...{ temperature, topP, topK, minP },
      ...(seed === undefined ? {} : { seed: seed >>> 0 }),
      ...(penalised ? { repeatPenalty: { punishTokens: () => this.recent, penalty: 1, frequencyPenalty, presencePenalty } } : {}),
    };
  }
}
