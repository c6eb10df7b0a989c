import { createHash } from 'node:crypto';
import { canonicalJson } from '#kernel';
import type { Json } from '#kernel';
import { openNote, parseVerifierKey, sha256, verifySignature } from '#merkle';
import { reportNameOf, reportNoteText, signedReport } from '#protocol';
import type { AuditReport } from '#protocol';
import { doubtOf } from '../verify/known-keys.js';
import type { KnownKeys } from '../verify/known-keys.js';

export interface ReportVerdict {
  readonly organisation: string;
  readonly month: string;
  readonly sha256: string;
  readonly logKey: string;
  /** Whether the key is the one that the verifier knows, and not the file's own word. */
  readonly keyPinned: boolean;
  readonly report: AuditReport;
  /** Why its signature does not say that the log made it: it is of a former key, whoever has that now. */
  readonly doubt: string | undefined;
}

/** Checks a report offline: the log's key signed the hash of exactly this report, for this organisation and month. Error: what does not hold. */
export function verifyReport(text: string, keys: KnownKeys | undefined): ReportVerdict {
  const parsed = JSON.parse(text) as { report?: unknown };
  const file = signedReport.parse(parsed);
  if (keys !== undefined && !keys.has(file.logKey)) throw new Error(`the report is signed for the key ${file.logKey}, not for the one that you know`);
  const key = keys?.named(file.logKey) ?? parseVerifierKey(sha256, file.logKey);
  // Of the file as it is: what the schema would leave out is not signed either.
  const hash = createHash('sha256').update(canonicalJson(parsed.report as Json)).digest('hex');
  const { text: signed, signedBy } = openNote(file.note, [key], verifySignature);
  if (signedBy.length === 0) throw new Error('the log has not signed the note of the report');
  const { organisation, month } = file.report;
  if (signed !== reportNoteText(key.name, organisation.id, reportNameOf(file.report), hash)) throw new Error('the signed note is of another report: organisation, month or a number in it is not what was signed');
  return { organisation: organisation.id, month, sha256: hash, logKey: file.logKey, keyPinned: keys !== undefined, report: file.report, doubt: keys && doubtOf(() => keys.requireDated(key, file.report.log.size, `Look for its SHA-256 (${hash}) in the log's entry report.made of ${month}`)) };
}
