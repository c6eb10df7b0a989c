import { failure } from '#protocol';

/** A machine's answer as an object. Error: NODE_PROTOCOL. */
export function jsonAnswer(body: Buffer): Record<string, unknown> {
  let answer: unknown;
  try {
    answer = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw failure('NODE_PROTOCOL', 'the machine answered something else than JSON', {}, cause);
  }
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) throw failure('NODE_PROTOCOL', 'the machine answered something else than an object');
  return answer as Record<string, unknown>;
}
