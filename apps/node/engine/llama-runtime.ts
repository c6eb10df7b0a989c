import { availableParallelism } from 'node:os';
import type { ChatWrapper, Llama, LlamaContext, LlamaContextSequence, LlamaModel, Token } from 'node-llama-cpp';
import { failure } from '#protocol';
import type { ChatTurn } from './generation-request.js';

/** Tokens of context for each job: 8,192 × the keys and values of an 8-billion model, 128 KiB, are 1 GiB. */
const contextTokensMax = 8_192;

type Bindings = typeof import('node-llama-cpp');

/** What ends a generation beside the request's own stop sequences. */
export interface ChatStops {
  readonly tokens: ReadonlySet<Token>;
  readonly texts: readonly string[];
}

/** A loaded model and places to run it in. */
export class LlamaRuntime {
  private readonly waiting: ((sequence: LlamaContextSequence) => void)[] = [];

  private constructor(
    private readonly llama: Llama,
    readonly model: LlamaModel,
    private readonly context: LlamaContext,
    private readonly chat: ChatWrapper,
  ) {}

  /** Error: ENGINE_FAILED when the package or the model is not there. */
  static async load(file: string, places: number): Promise<LlamaRuntime> {
    const { getLlama, LlamaLogLevel, resolveChatWrapper } = await bindings();
    try {
      // What is installed decides: no compiler, no download. Half the cores: threads that outnumber free cores wait for each other.
      const llama = await getLlama({ build: 'never', skipDownload: true, progressLogs: false, logLevel: LlamaLogLevel.error });
      const model = await llama.loadModel({ modelPath: file });
      const threads = Math.max(1, Math.floor(availableParallelism() / 2));
      const context = await model.createContext({ sequences: places, threads, contextSize: { max: contextTokensMax } });
      return new LlamaRuntime(llama, model, context, resolveChatWrapper(model));
    } catch (error) {
      throw failure('ENGINE_FAILED', `llama.cpp cannot load ${file}`, {}, error);
    }
  }

  get contextTokens(): number {
    return this.context.contextSize;
  }

  /** A place of one's own, empty; waits while all are taken. */
  async take(): Promise<LlamaContextSequence> {
    if (this.context.sequencesLeft > 0) return this.context.getSequence();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  async give(sequence: LlamaContextSequence): Promise<void> {
    await sequence.dispose();
    if (this.waiting.length > 0 && this.context.sequencesLeft > 0) this.waiting.shift()!(this.context.getSequence());
  }

  tokensOfText(text: string): Token[] {
    return this.begun(this.model.tokenize(text, false));
  }

  /** Through the template that the model brings, or the one that fits its kind. */
  tokensOfChat(turns: readonly ChatTurn[]): { tokens: Token[]; stops: ChatStops } {
    const history = turns.map(({ role, content }) => {
      if (role === 'assistant') return { type: 'model' as const, response: [content] };
      return role === 'user' ? { type: 'user' as const, text: content } : { type: 'system' as const, text: content };
    });
    const state = this.chat.generateContextState({ chatHistory: [...history, { type: 'model', response: [] }] });
    const tokens = new Set<Token>();
    const texts: string[] = [];
    for (const trigger of state.stopGenerationTriggers) {
      const [only, ...more] = trigger.tokenize(this.model.tokenizer);
      if (only !== undefined && more.length === 0) tokens.add(only);
      else if (trigger.values.every((value) => typeof value === 'string')) texts.push(trigger.values.join(''));
    }
    return { tokens: this.begun(state.contextText.tokenize(this.model.tokenizer)), stops: { tokens, texts } };
  }

  async close(): Promise<void> {
    await this.context.dispose();
    await this.model.dispose();
    await this.llama.dispose();
  }

  private begun(tokens: Token[]): Token[] {
    const { bos, shouldPrependBosToken } = this.model.tokens;
    if (shouldPrependBosToken && bos !== null && tokens[0] !== bos) return [bos, ...tokens];
    return tokens;
  }
}

async function bindings(): Promise<Bindings> {
  try {
    return await import('node-llama-cpp');
  } catch (error) {
    throw failure('ENGINE_FAILED', 'the engine llama.cpp is not installed; run: npm install node-llama-cpp@3', {}, error);
  }
}
