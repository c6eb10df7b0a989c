import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCheckpoint, parseNote, sha256, toHex, toUtf8, type Checkpoint } from '#merkle';
import { replaceFile } from '../durable-file.js';

/** The last checkpoint of each log that was cosigned: one file a log, named by the hash of its origin. */
export class LastCheckpoints {
  constructor(private readonly directory: string) {}

  /** `undefined` before the first. Error: the file cannot be read, or is not the checkpoint of this log. */
  of(origin: string): Checkpoint | undefined {
    let note: string;
    try {
      note = readFileSync(this.pathOf(origin), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    const checkpoint = parseCheckpoint(parseNote(note).text);
    if (checkpoint.origin !== origin) throw new Error(`${this.pathOf(origin)} is not of ${origin}`);
    return checkpoint;
  }

  /** Durable when it resolves. */
  keep(origin: string, note: string): Promise<void> {
    return replaceFile(this.pathOf(origin), note);
  }

  private pathOf(origin: string): string {
    return join(this.directory, `${toHex(sha256(toUtf8(origin)))}.checkpoint`);
  }
}
