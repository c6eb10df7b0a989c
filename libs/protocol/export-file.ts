import { createHash } from 'node:crypto';
import { csvHeader, csvLine } from './csv-line.js';
import type { ExportFacts } from './export-manifests.js';
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

/** Of gaps, as many are told as a manifest names. */
const gapsMax = 100;

/** The parts of an export file, in order: one head, any number of pages, one end. */
export class ExportFile {
  private readonly hash = createHash('sha256');
  private readonly gaps: ExportFacts['gaps'] = [];
  private entries = 0;
  private bytes = 0;
  private first: number | null = null;
  private last: number | null = null;
  private after: number | null = null;

  constructor(private readonly format: ExportFormat) {}

  /** In JSON Lines the query and the checkpoint stand in the file; the other formats have a place for neither. */
  head(head: ExportHead): string {
    this.after = head.after;
    if (this.format === 'csv') return this.written(csvHeader);
    return this.written(this.format === 'jsonl' ? `${JSON.stringify({ kind: 'export', ...head })}\n` : '');
  }

  page(entries: readonly ExportedEntry[]): string {
    this.entries += entries.length;
    for (const { index, previous } of entries) {
      const expected = this.last ?? this.after;
      if (previous !== expected && this.gaps.length < gapsMax) this.gaps.push({ entry: index, previous, expected });
      this.first ??= index;
      this.last = index;
    }
    return this.written(entries.map((entry) => this.line(entry)).join(''));
  }

  /** Where the next export goes on. A file of JSON Lines without its end was cut off. */
  end(next: number | null): string {
    return this.format === 'jsonl' ? this.written(`${JSON.stringify({ kind: 'end', entries: this.entries, next, sha256: this.hash.copy().digest('hex') })}\n`) : '';
  }

  /** What all that was written comes to, for its manifest. */
  facts(name: string): Pick<ExportFacts, 'format' | 'after' | 'entries' | 'first' | 'last' | 'gaps' | 'files'> {
    const { format, after, entries, first, last, gaps, bytes } = this;
    return { format, after, entries, first, last, gaps, files: [{ name, bytes, sha256: this.hash.copy().digest('hex') }] };
  }

  private line(entry: ExportedEntry): string {
    if (this.format === 'csv') return csvLine(entry);
    return `${JSON.stringify(this.format === 'jsonl' ? { kind: 'entry', ...entry } : ocsfEvent(entry))}\n`;
  }

  private written(text: string): string {
    this.hash.update(text);
    this.bytes += Buffer.byteLength(text);
    return text;
  }
}
