import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { consistencyProof, consistencySubtrees, formatProofFile, inclusionProof, inclusionSubtrees, parseCheckpoint, parseNote, sha256, toBase64, toHex } from '#merkle';
import { governanceCalls, type ReplyOf, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { Secrets } from '../secrets.js';
import { CheckpointStore } from '../witnesses/checkpoints.store.js';
import { HighestHead } from '../witnesses/highest-head.service.js';
import { LogKeys } from '../witnesses/log-keys.service.js';
import { CommittedTiles } from './committed-tiles.service.js';
import { RecordReader } from './record-reader.service.js';

type Calls = typeof governanceCalls;

/** Speaks for the log: signed heads, and proofs that lead to them. */
@Injectable()
export class Prover {
  constructor(
    private readonly dataSource: DataSource,
    private readonly tiles: CommittedTiles,
    private readonly records: RecordReader,
    private readonly secrets: Secrets,
    private readonly checkpoints: CheckpointStore,
    private readonly highest: HighestHead,
    private readonly keys: LogKeys,
  ) {}

  /** The head, or what is published, as a signed C2SP note. Only committed heads are signed, and the head only moves forward. Errors: `DATABASE_UNAVAILABLE`, `SERVICE_UNAVAILABLE` (see {@link HighestHead}). */
  async checkpoint({ published = false }: RequestOf<Calls['checkpoint']> = {}): Promise<ReplyOf<Calls['checkpoint']>> {
    const { note } = await this.shown(published ? 0 : Infinity);
    const { size, root } = parseCheckpoint(parseNote(note).text);
    return { note, size, root: toHex(root), logKey: await this.keys.keyOf(note) };
  }

  /**
   * What anybody who asks is shown as the state of the log: with witnesses the newest checkpoint that one of them has cosigned, else
   * the head. Error: `DATABASE_UNAVAILABLE`.
   */
  async published(): Promise<ReplyOf<Calls['published']>> {
    const { note } = await this.shown(0);
    return { note, logKey: await this.keys.keyOf(note) };
  }

  /** Proofs of every entry of a record against one checkpoint, a cosigned one as soon as there is one that has them; without bodies. Errors: `NOT_FOUND`, `RECORD_PENDING`. */
  async prove(request: RequestOf<Calls['proveRecord']>): Promise<ReplyOf<Calls['proveRecord']>> {
    const entries = await this.records.readClosed(request);
    const { size, note: checkpoint } = await this.shown(Math.max(...entries.map(({ index }) => index + 1)), 'of the key now');
    const hashAt = await this.tiles.hashes(entries.flatMap(({ index }) => inclusionSubtrees(index, size)), size);
    const proofs = entries.map((entry) => ({
      entry,
      proof: formatProofFile({ index: entry.index, proof: inclusionProof(sha256, entry.index, size, hashAt), checkpoint }),
    }));
    return { format: 'mizan-proof/1', entries: proofs, logKey: await this.keys.keyOf(checkpoint) };
  }

  /** The newest cosigned checkpoint of at least `sizeMin` entries, or else the head, signed. One under a former key proves nothing to readers who know that the log gave it up. */
  async shown(sizeMin: number, only?: 'of the key now'): Promise<{ size: number; note: string }> {
    const cosigned = this.secrets.witnesses.length === 0 || sizeMin === Infinity ? undefined : await withTenant(this.dataSource, '*', (manager) => this.checkpoints.newest(manager));
    if (cosigned !== undefined && cosigned.size >= sizeMin && (only === undefined || this.keys.isOfNow(cosigned.note))) return cosigned;
    return this.highest.signed();
  }

  /** Every key that the log had, and the proof that each change is an entry of it. Error: `DATABASE_UNAVAILABLE`, `SERVICE_UNAVAILABLE`. */
  async logKeys(): Promise<ReplyOf<Calls['logKeys']>> {
    const changes = await this.keys.changes();
    // What a witness cosigned under a key from before says nothing of those after it.
    const { size, note: checkpoint } = await this.shown((changes.at(-1)?.index ?? -1) + 1);
    const hashAt = await this.tiles.hashes(changes.flatMap((change) => [...inclusionSubtrees(change.index, size), ...consistencySubtrees(change.size, size)]), size);
    const told = changes.map(({ note, index, envelope, size: before }) => ({
      ...{ note, index, envelope, proof: inclusionProof(sha256, index, size, hashAt).map(toBase64) },
      consistency: (before === 0 ? [] : consistencyProof(sha256, before, size, hashAt)).map(toBase64),
    }));
    return { format: 'mizan-log-keys/1', logKey: await this.keys.keyOf(checkpoint), checkpoint, changes: told };
  }
}
