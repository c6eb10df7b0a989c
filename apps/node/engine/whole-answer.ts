import type { EngineAnswer } from './engine.js';
import type { Generation } from './generate.js';
import type { GenerationAnswer } from './generation-answer.js';
import { usageAtEnd } from './usage-at-end.js';

/** A generation in one piece. Given as a body that comes later, so that what was decoded of it is known when nobody waits for it any more. */
export function wholeAnswer(generation: Generation, answer: GenerationAnswer, signal: AbortSignal): EngineAnswer {
  const { usage, ended } = usageAtEnd(() => generation.usage, signal);
  return { status: 200, contentType: 'application/json', body: body(), usage };

  async function* body(): AsyncGenerator<Buffer> {
    try {
      let text = '';
      for await (const piece of generation.text()) text += piece;
      yield answer.whole(text, generation.finish, generation.usage);
    } finally {
      ended();
    }
  }
}
