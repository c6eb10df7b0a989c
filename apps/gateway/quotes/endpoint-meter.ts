import type { MeasuredMeter } from '#kernel';
import type { Endpoint } from '#protocol';

/** What requests of an endpoint can be measured in: who asks for a quote says how much of it. Cached tokens are not foreseen. */
export function meterOf(endpoint: Endpoint): MeasuredMeter | undefined {
  switch (endpoint) {
    case 'images.generations':
      return 'images';
    case 'audio.speech':
    case 'audio.transcriptions':
      return 'audio_ms';
    case 'embeddings':
    case 'chat.completions':
    case 'completions':
    case 'moderations':
      return undefined;
  }
}
