import type { EngineAnswer } from './engine.js';
import type { Generation } from './generate.js';
import { GenerationAnswer } from './generation-answer.js';
import { usageAtEnd } from './usage-at-end.js';

/** A generation as server-sent events. The first leaves with the first text: until then the request may still go elsewhere. */
export function streamedAnswer(generation: Generation, answer: GenerationAnswer, includeUsage: boolean, signal: AbortSignal): EngineAnswer {
  const { usage, ended } = usageAtEnd(() => generation.usage, signal);
  return { status: 200, contentType: 'text/event-stream', body: events(), usage };

  async function* events(): AsyncGenerator<Buffer> {
    try {
      let opening = answer.opening();
      for await (const text of generation.text()) {
        yield opening === undefined ? answer.piece(text) : Buffer.concat([opening, answer.piece(text)]);
        opening = undefined;
      }
      const last = [answer.closing(generation.finish), ...(includeUsage ? [answer.usage(generation.usage)] : []), GenerationAnswer.done];
      yield Buffer.concat(opening === undefined ? last : [opening, ...last]);
    } finally {
      ended();
    }
  }
}
