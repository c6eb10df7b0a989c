import { createHash } from 'node:crypto';
import { uuidv7 } from '#kernel';

/**
 * The id of a line's job (generation 0) and of its request's record: made of batch, line and how often a run of it ended in the
 * books without a charge. It cannot be charged twice, because the books charge a record once; the time in it is the batch's.
 */
export function lineRecord(batch: string, line: number, generation: number): string {
  const hash = createHash('sha256').update(`mizan-batch-line-v1\n${batch}\n${line}\n${generation}`).digest();
  return uuidv7(Number.parseInt(batch.replace('-', '').slice(0, 12), 16), hash);
}
