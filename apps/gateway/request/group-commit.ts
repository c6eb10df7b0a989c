import type { Ids } from '#kernel';
import { limits } from '#protocol';
import type { LogRecord } from '#protocol';
import { wireFacts } from './facts-form.js';

/** The durable stream that commits go to. */
export abstract class CommitLog {
  abstract isAvailable(): boolean;
  /** Resolves when the stream has acknowledged; `id` makes sending the same commit again harmless. */
  abstract append(commit: Uint8Array, id: string): Promise<void>;
}

/** Half of the default payload limit of NATS, 1 MiB: the record that goes over it (32 tags, about 40 KiB) still fits. */
const commitBytesMax = 512 * 1024;
/** A larger record (a policy's reasons may be long) would make the message that it is in too large, and fail the requests beside it. */
const recordBytesMax = 384 * 1024;
/** Records that wait for an acknowledgement: 20,000 × about 4 KiB = 80 MiB. */
const waitingMax = 20_000;
/** A commit is sent again with the same id: an acknowledgement that was lost costs a second, not a request. */
const sendsMax = 2;

interface Waiting {
  readonly json: string;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Gathers records of many requests into one message: up to 64, or what comes within a millisecond. While no message is under way nothing is
 * gained by waiting: what one turn of the event loop brings leaves at its end.
 */
export class GroupCommit {
  private gathered: Waiting[] = [];
  private gatheredBytes = 0;
  private waiting = 0;
  private timer: NodeJS.Timeout | undefined;
  private turn: NodeJS.Immediate | undefined;
  private underWay = 0;

  constructor(
    private readonly log: CommitLog,
    private readonly ids: Ids,
  ) {}

  add(record: LogRecord): Promise<void> {
    if (this.waiting >= waitingMax) return Promise.reject(new Error('too many records wait for an acknowledgement'));
    const json = wireForm(record);
    if (json.length > recordBytesMax) return Promise.reject(new Error(`a record of ${json.length} characters does not fit a message`));
    return new Promise((resolve, reject) => {
      this.waiting += 1;
      this.gathered.push({ json, resolve, reject });
      this.gatheredBytes += json.length;
      if (this.gathered.length >= limits.recordsPerCommit || this.gatheredBytes >= commitBytesMax) this.flush();
      else if (this.underWay === 0) this.turn ??= setImmediate(() => this.flush());
      else this.timer ??= setTimeout(() => this.flush(), limits.recordCommitMs);
    });
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    clearImmediate(this.turn);
    this.turn = undefined;
    const batch = this.gathered;
    this.gathered = [];
    this.gatheredBytes = 0;
    void this.send(batch);
  }

  private async send(batch: readonly Waiting[]): Promise<void> {
    const commit = Buffer.from(`{"v":1,"records":[${batch.map(({ json }) => json).join(',')}]}`);
    const id = this.ids.uuid();
    this.underWay += 1;
    try {
      await this.append(commit, id);
      for (const { resolve } of batch) resolve();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.underWay -= 1;
      this.waiting -= batch.length;
    }
  }

  private async append(commit: Buffer, id: string): Promise<void> {
    for (let sends = 1; ; sends += 1) {
      try {
        return await this.log.append(commit, id);
      } catch (error) {
        if (sends >= sendsMax || !this.log.isAvailable()) throw error;
      }
    }
  }
}

/** Envelope and body were made here, in their wire form, and need no escape: most of a record's bytes. What a node or a client had a part in is checked as it is written. */
function wireForm({ envelope, body, facts, ...rest }: LogRecord): string {
  const others = JSON.stringify({ ...rest, facts: facts && wireFacts(facts) }).slice(1);
  const sealed = body === null ? 'null' : `{"sealKeyId":"${body.sealKeyId}","wrappedKey":"${body.wrappedKey}","nonce":"${body.nonce}","ciphertext":"${body.ciphertext}"}`;
  return `{"envelope":"${envelope}","body":${sealed},${others}`;
}
