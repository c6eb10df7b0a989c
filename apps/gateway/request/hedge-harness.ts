import type { CompletedFacts } from '#protocol';
import { uuidOf } from '../examples.js';
import type { MemoryLog } from '../examples.js';

/** For specs of hedges: requests by which machines become known have ids from here on, up to the other. */
export const warmFrom = 0x4000;
const warmTo = 0x4f00;

/** The ends of the request that two machines are asked for, as soon as there are so many. */
export async function endsOfRace(log: MemoryLog, count: number): Promise<CompletedFacts[]> {
  for (;;) {
    const facts = log.records.filter(({ type, id }) => type === 'completed' && !(id >= uuidOf(warmFrom) && id < uuidOf(warmTo))).map((record) => record.facts as CompletedFacts);
    if (facts.length >= count) return facts;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
