import type { Usage } from '#protocol';
import type { EngineAnswer } from './engine.js';
import type { Generation } from './generate.js';
import { GenerationAnswer } from './generation-answer.js';

/** A generation as server-sent events. The first leaves with the first text: until then the request may still go elsewhere. */
export function streamedAnswer(generation: Generation, answer: GenerationAnswer, includeUsage: boolean, signal: AbortSignal): EngineAnswer {
  let settle!: (usage: Usage) => void;
  const usage = new Promise<Usage>((resolve) => (settle = resolve));
  const used = (): Usage => ({ inputTokens: generation.inputTokens, outputTokens: generation.outputTokens });
  const settled = (): void => settle(used());
  signal.addEventListener('abort', settled, { once: true });
  return { status: 200, contentType: 'text/event-stream', body: events(), usage };

  async function* events(): AsyncGenerator<Buffer> {
    try {
      let opening = answer.opening();
      for await (const text of generation.text()) {
        yield opening === undefined ? answer.piece(text) : Buffer.concat([opening, answer.piece(text)]);
        opening = undefined;
      }
      const last = [answer.closing(generation.finish), ...(includeUsage ? [answer.usage(used())] : []), GenerationAnswer.done];
      yield Buffer.concat(opening === undefined ? last : [opening, ...last]);
    } finally {
      signal.removeEventListener('abort', settled);
      settled();
    }
  }
}
