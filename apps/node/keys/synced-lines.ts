import type { FileHandle } from 'node:fs/promises';

interface Waiting {
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Lines appended to a file, each durable when its call resolves; those that come at once share one sync. */
export class SyncedLines {
  private queue: Waiting[] = [];
  private writing: Promise<void> | undefined;
  /** A write failed half-way: the next one starts a new line. */
  private torn = false;

  /** `file` is open for appending. */
  constructor(private readonly file: FileHandle) {}

  /** `line`: JSON, without a line break. */
  append(line: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.queue.push({ text: `${line}\n`, resolve, reject });
      this.writing ??= this.write().finally(() => (this.writing = undefined));
    });
  }

  async close(): Promise<void> {
    await this.writing;
    await this.file.close();
  }

  private async write(): Promise<void> {
    while (this.queue.length > 0) {
      const batch = this.queue;
      this.queue = [];
      try {
        await this.file.appendFile(`${this.torn ? '\n' : ''}${batch.map(({ text }) => text).join('')}`);
        this.torn = false;
        await this.file.datasync();
        for (const { resolve } of batch) resolve();
      } catch (error) {
        this.torn = true;
        for (const { reject } of batch) reject(error);
      }
    }
  }
}
