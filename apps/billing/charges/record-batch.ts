import type { AdmittedFacts, LogRecord } from '#protocol';
import { chargeFrom } from './charge.js';
import type { Charge } from './charge.js';

/** What a batch of records means for the books: the first of each kind per record, in the order of the stream. */
export interface RecordBatch {
  readonly admitted: readonly AdmittedFacts[];
  readonly charges: readonly Charge[];
  /** Later ends of a record in the same batch that say something else. */
  readonly conflicting: readonly Charge[];
}

/** Records without facts, and facts under another id or type than their record's, concern the log only. */
export function recordBatch(records: readonly LogRecord[]): RecordBatch {
  const admitted = new Map<string, AdmittedFacts>();
  const charges = new Map<string, Charge>();
  const conflicting: Charge[] = [];
  for (const { id, type, facts } of records) {
    if (facts?.record !== id) continue;
    if (facts.kind === 'admitted') {
      if ((type === 'admitted' || type === 'reused') && !admitted.has(id)) admitted.set(id, facts);
      continue;
    }
    if (type !== 'completed' && type !== 'voided') continue;
    const charge = chargeFrom(facts, type);
    const first = charges.get(id);
    if (!first) charges.set(id, charge);
    else if (first.inputHash !== charge.inputHash) conflicting.push(charge);
  }
  return { admitted: [...admitted.values()], charges: [...charges.values()], conflicting };
}
