import type { Endpoint } from '#protocol';
import type { EngineModel } from './engine.js';

/** What names of models say that they are for; all others give text. */
const names: readonly (readonly [RegExp, readonly Endpoint[]])[] = [
  [/embed/i, ['embeddings']],
  [/moderation/i, ['moderations']],
  [/whisper|transcribe/i, ['audio.transcriptions']],
  [/(^|[^a-z])tts([^a-z]|$)|kokoro/i, ['audio.speech']],
  [/dall-e|gpt-image|stable-?diffusion|sdxl|(^|[^a-z])flux([^a-z]|$)/i, ['images.generations']],
];

/** What a model is for: as its owner says, or as its name does. */
export function modelCalled(model: string, endpointsOf: ReadonlyMap<string, readonly Endpoint[]> = new Map()): EngineModel {
  const named = names.find(([name]) => name.test(model))?.[1];
  return { model, endpoints: endpointsOf.get(model) ?? named ?? ['chat.completions', 'completions'] };
}
