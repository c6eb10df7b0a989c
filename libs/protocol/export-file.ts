import { createHash } from 'node:crypto';
import { csvHeader, csvLine } from './csv-line.js';
import type { ExportedEntry, ExportFormat } from './exports.js';
import { ocsfEvent } from './ocsf-event.js';

/** What was asked for, and the state of the log that the export is of. */
export interface ExportHead {
  readonly export: string | null;
  readonly tenant: string | null;
  readonly after: number | null;
  readonly limit: number;
  readonly until: number;
  readonly checkpoint: string;
  readonly logKey: string;
}

export const exportContentTypes: Record<ExportFormat, string> = { jsonl: 'application/jsonl', csv: 'text/csv', ocsf: 'application/jsonl' };

/** The parts of an export file, in order: one head, any number of pages, one end. */
export class ExportFile {
  private readonly hash = createHash('sha256');
  private entries = 0;

  constructor(private readonly format: ExportFormat) {}

  /** In JSON Lines the query and the checkpoint stand in the file; the other formats have a place for neither. */
  head(head: ExportHead): string {
    if (this.format === 'csv') return this.written(csvHeader);
    return this.written(this.format === 'jsonl' ? `${JSON.stringify({ kind: 'export', ...head })}\n` : '');
  }

  page(entries: readonly ExportedEntry[]): string {
    this.entries += entries.length;
    return this.written(entries.map((entry) => this.line(entry)).join(''));
  }

  /** Where the next export goes on. A file of JSON Lines without its end was cut off. */
  end(next: number | null): string {
    return this.format === 'jsonl' ? `${JSON.stringify({ kind: 'end', entries: this.entries, next, sha256: this.hash.digest('hex') })}\n` : '';
  }

  private line(entry: ExportedEntry): string {
    if (this.format === 'csv') return csvLine(entry);
    return `${JSON.stringify(this.format === 'jsonl' ? { kind: 'entry', ...entry } : ocsfEvent(entry))}\n`;
  }

  private written(text: string): string {
    this.hash.update(text);
    return text;
  }
}
