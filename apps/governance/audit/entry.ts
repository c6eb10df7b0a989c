import { entryBytesMax, leafHash, sha256 } from '#merkle';
import { parseEnvelope, type LogRecord, type RecordType } from '#protocol';

/** A record on its way into the log: everything but its index. */
export interface EntryDraft {
  readonly id: string;
  readonly type: RecordType;
  readonly tenant: string | null;
  readonly timeMs: number;
  /** The exact bytes that are hashed. */
  readonly envelope: Uint8Array;
  readonly leaf: Uint8Array;
  readonly body: LogRecord['body'];
  readonly fields: LogRecord['fields'];
  readonly decision: LogRecord['decision'];
  readonly search: LogRecord['search'];
}

/** The names under which organisations stand in public entries. */
export type PseudonymOf = (tenant: string) => string | undefined;

/**
 * Takes a record off the wire, checking that what it says about itself is what its envelope says. Gives the reason as text when
 * it does not: such a record is no entry, since its proof would prove something else than its index row claims.
 */
export function draftOf(record: LogRecord, pseudonymOf: PseudonymOf): EntryDraft | string {
  const envelope = Buffer.from(record.envelope, 'base64');
  if (envelope.length > entryBytesMax) return `an entry has at most ${entryBytesMax} bytes`;
  let parsed;
  try {
    parsed = parseEnvelope(envelope);
  } catch {
    return 'the envelope is not one';
  }
  if (parsed.id !== record.id || parsed.type !== record.type) return 'the envelope is of another record';
  const expected = record.tenant === null ? 'operator' : pseudonymOf(record.tenant);
  if (parsed.tenant !== expected) return 'the envelope does not carry the pseudonym of its tenant';
  return {
    id: record.id,
    type: record.type,
    tenant: record.tenant,
    timeMs: Date.parse(parsed.time),
    envelope,
    leaf: leafHash(sha256, envelope),
    body: record.body,
    fields: record.fields,
    decision: record.decision,
    search: record.search,
  };
}

/** Identity of an entry: one request has several, each of its own type. */
export const entryKey = (entry: { readonly id: string; readonly type: string }): string => `${entry.id} ${entry.type}`;

/** The drafts that are not in the log and not twice in the batch, in their order. */
export function withoutDuplicates(drafts: readonly EntryDraft[], known: ReadonlySet<string>): EntryDraft[] {
  const seen = new Set(known);
  return drafts.filter((draft) => !seen.has(entryKey(draft)) && seen.add(entryKey(draft)));
}
