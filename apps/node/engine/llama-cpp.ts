import { basename } from 'node:path';
import { Engine, refusal } from './engine.js';
import type { EngineAnswer, EngineModel, EngineRequest } from './engine.js';
import { Generation } from './generate.js';
import { GenerationAnswer } from './generation-answer.js';
import { readGenerationRequest } from './generation-request.js';
import { LlamaRuntime } from './llama-runtime.js';
import { streamedAnswer } from './streamed-answer.js';
import { wholeAnswer } from './whole-answer.js';

const noStops = { tokens: new Set<never>(), texts: [] };

/** Text from a GGUF file, decoded by llama.cpp in this process on threads of its own. */
export class LlamaCppEngine extends Engine {
  private constructor(
    private readonly model: string,
    private readonly runtime: LlamaRuntime,
  ) {
    super();
  }

  /** The model is named by its file. Error: ENGINE_FAILED. */
  static async start(file: string, places: number): Promise<LlamaCppEngine> {
    return new LlamaCppEngine(basename(file).replace(/\.gguf$/i, ''), await LlamaRuntime.load(file, places));
  }

  async models(): Promise<EngineModel[]> {
    return [{ model: this.model, endpoints: ['chat.completions', 'completions'] }];
  }

  async run(request: EngineRequest, signal: AbortSignal): Promise<EngineAnswer> {
    const asked = readGenerationRequest(request.endpoint, request.body);
    if ('refused' in asked) return asked.refused;
    const { tokens, stops } = 'turns' in asked.prompt ? this.runtime.tokensOfChat(asked.prompt.turns) : { tokens: this.runtime.tokensOfText(asked.prompt.text), stops: noStops };
    const room = this.runtime.contextTokens;
    if (tokens.length >= room) return refusal(400, `The prompt has ${tokens.length} tokens; this model holds ${room} with the answer.`, 'turns' in asked.prompt ? 'messages' : 'prompt', 'context_length_exceeded');
    if (tokens.length === 0) return refusal(400, 'The prompt is empty.', 'prompt');
    const generation = new Generation(this.runtime, asked, tokens, stops, signal);
    const answer = new GenerationAnswer(request.endpoint, this.model, Date.now());
    return asked.stream ? streamedAnswer(generation, answer, asked.includeUsage, signal) : wholeAnswer(generation, answer, signal);
  }

  close(): Promise<void> {
    return this.runtime.close();
  }
}
