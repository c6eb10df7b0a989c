import { z } from 'zod';
import { logRecord } from './records.js';
import type { LogRecord } from './records.js';

/** A part of a message that is no record as this version knows them: perhaps a newer producer's. */
export interface UnreadRecord {
  /** JSON of the record, or the message's bytes when not even its parts can be told. */
  readonly raw: Uint8Array;
  readonly reason: string;
}

/** What was understood of a commit, and what was not. */
export interface ReceivedCommit {
  readonly records: LogRecord[];
  readonly unread?: readonly UnreadRecord[];
}

const commitOfAny = z.object({ v: z.literal(1), records: z.array(z.json()).min(1) });

/** Reads a commit that `recordCommit` refuses, record by record: one that is not understood takes none of its neighbours with it. */
export function salvageCommit(raw: Uint8Array, reason: string): ReceivedCommit {
  const commit = commitOfAny.safeParse(parsed(raw));
  if (!commit.success) return { records: [], unread: [{ raw, reason }] };
  const records: LogRecord[] = [];
  const unread: UnreadRecord[] = [];
  for (const json of commit.data.records) {
    const record = logRecord.safeDecode(json as never);
    if (record.success) records.push(record.data);
    else unread.push({ raw: Buffer.from(JSON.stringify(json)), reason: z.prettifyError(record.error) });
  }
  return { records, unread };
}

/** What {@link UnreadRecord.raw} says to a version that may know more: `unread` again where this one does not. */
export function readAgain(raw: Uint8Array): ReceivedCommit {
  const record = logRecord.safeDecode(parsed(raw) as never);
  return record.success ? { records: [record.data] } : salvageCommit(raw, z.prettifyError(record.error));
}

function parsed(raw: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(raw).toString('utf8'));
  } catch {
    return undefined;
  }
}
