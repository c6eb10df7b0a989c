import { encodeFacts } from '#protocol';
import type { RecordFacts, WireFacts } from '#protocol';

/** A record's facts are written twice, into its body and beside it for the books, and checked once. */
const written = new WeakMap<RecordFacts, WireFacts>();

/** Facts in their wire form. What a node or a client had a part in is checked here. Error: ZodError. */
export function wireFacts(facts: RecordFacts): WireFacts {
  const known = written.get(facts);
  if (known !== undefined) return known;
  const fresh = encodeFacts(facts);
  written.set(facts, fresh);
  return fresh;
}
