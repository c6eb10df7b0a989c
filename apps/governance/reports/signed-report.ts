import { createHash } from 'node:crypto';
import { canonicalJson } from '#kernel';
import { signNote, type NoteSigner } from '#merkle';
import { auditReport, reportNameOf, reportNoteText, type AuditReport, type SignedReport } from '#protocol';

/** A report as it is kept: its text, and the note that signs it. */
export interface StoredReport {
  readonly report: string;
  readonly note: string;
}

/** SHA-256, hex, of the text: what the note and the log name it by. */
export const hashOf = ({ report }: Pick<StoredReport, 'report'>): string => createHash('sha256').update(report).digest('hex');

/** Signed with the log's key, under the name of its month and supplement. */
export function signReport(signer: NoteSigner, tenant: string, report: AuditReport): StoredReport {
  const text = canonicalJson(report);
  return { report: text, note: signNote(reportNoteText(signer.key.name, tenant, reportNameOf(report), hashOf({ report: text })), signer) };
}

/** As it is handed out, with the verifier key of the log that signed it. */
export const toSigned = ({ report, note }: StoredReport, logKey: string): SignedReport => ({ format: 'mizan-report/1', report: auditReport.parse(JSON.parse(report)), note, logKey });
