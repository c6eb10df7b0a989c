import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { formatProofFile, formatVerifierKey, inclusionProof, inclusionSubtrees, sha256, signCheckpoint, toHex } from '#merkle';
import { governanceCalls, type ReplyOf, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { Secrets } from '../secrets.js';
import { LogStore, type Head } from './log.store.js';
import { RecordReader } from './record-reader.service.js';

type Calls = typeof governanceCalls;

/** Speaks for the log: signed heads, and proofs that lead to them. */
@Injectable()
export class Prover {
  constructor(
    private readonly dataSource: DataSource,
    private readonly log: LogStore,
    private readonly records: RecordReader,
    private readonly secrets: Secrets,
  ) {}

  /** The head as a signed C2SP note. Only committed heads are signed, and the head only moves forward. Error: `DATABASE_UNAVAILABLE`. */
  async checkpoint(): Promise<ReplyOf<Calls['checkpoint']>> {
    const head = await withTenant(this.dataSource, '*', (manager) => this.log.head(manager));
    return { note: this.sign(head), size: head.size, root: toHex(head.root), logKey: this.logKey };
  }

  /** What anybody who asks is shown as the state of the log. Error: `DATABASE_UNAVAILABLE`. */
  async published(): Promise<ReplyOf<Calls['published']>> {
    const { note, logKey } = await this.checkpoint();
    return { note, logKey };
  }

  /** Proofs of every entry of a record against one head, without bodies. Errors: `NOT_FOUND`, `RECORD_PENDING`. */
  async prove(request: RequestOf<Calls['proveRecord']>): Promise<ReplyOf<Calls['proveRecord']>> {
    const entries = await this.records.readClosed(request);
    return withTenant(this.dataSource, '*', async (manager) => {
      const head = await this.log.head(manager);
      const checkpoint = this.sign(head);
      const hashAt = await this.log.hashes(manager, entries.flatMap(({ index }) => inclusionSubtrees(index, head.size)));
      const proofs = entries.map((entry) => ({
        entry,
        proof: formatProofFile({ index: entry.index, proof: inclusionProof(sha256, entry.index, head.size, hashAt), checkpoint }),
      }));
      return { format: 'mizan-proof/1', entries: proofs, logKey: this.logKey };
    });
  }

  private get logKey(): string {
    return formatVerifierKey(this.secrets.logSigner.key);
  }

  private sign({ size, root }: Head): string {
    return signCheckpoint({ origin: this.secrets.logSigner.key.name, size, root }, this.secrets.logSigner);
  }
}
