import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { consistencyProof, consistencySubtrees, formatNote, parseNote, sha256, type NoteSignature } from '#merkle';
import { withTenant } from '#service';
import { CommittedTiles } from '../audit/committed-tiles.service.js';
import { LogStore } from '../audit/log.store.js';
import { Secrets } from '../secrets.js';
import { askWitness, WitnessRefused, type Submission } from './ask-witness.js';
import { CheckpointStore } from './checkpoints.store.js';
import { HighestHead } from './highest-head.service.js';
import type { WitnessAddress } from './witness-list.js';

/** Has the log's heads cosigned, and publishes those that somebody outside has seen. */
@Injectable()
export class Witnessing {
  private readonly logger = new Logger(Witnessing.name);
  /** Size that each witness is thought to have cosigned last; a wrong one costs one more question. */
  private readonly lastSizes = new Map<string, number>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly log: LogStore,
    private readonly tiles: CommittedTiles,
    private readonly checkpoints: CheckpointStore,
    private readonly secrets: Secrets,
    private readonly highest: HighestHead,
  ) {}

  /**
   * One round: asks every witness for the head of now, and publishes it when one of them has cosigned. Gives the names of those that
   * did, none when nothing was to be done. Errors: `DATABASE_UNAVAILABLE`, or no witness has cosigned.
   */
  async round(): Promise<readonly string[]> {
    const { witnesses } = this.secrets;
    const { head, newest } = await withTenant(this.dataSource, '*', async (manager) => ({ head: await this.log.head(manager), newest: await this.checkpoints.newest(manager) }));
    if (witnesses.length === 0 || (newest?.size === head.size && newest.cosignedBy.length === witnesses.length)) return [];
    await this.highest.settle();
    const note = await withTenant(this.dataSource, '*', (manager) => this.highest.sign(manager, head));
    const submission = { note, size: head.size, proofFrom: (oldSize: number) => this.proof(oldSize, head.size) };
    const answers = await Promise.all(witnesses.map((witness) => this.ask(witness, submission)));
    const cosignatures = answers.filter((answer) => answer !== undefined);
    if (cosignatures.length === 0) throw new Error(`none of ${witnesses.length} witnesses has cosigned the ${head.size} entries`);
    const cosignedBy = cosignatures.map(({ name }) => name);
    const { text, signatures } = parseNote(note);
    const whole = formatNote({ text, signatures: [...signatures, ...cosignatures] });
    await withTenant(this.dataSource, '*', (manager) => this.checkpoints.publish(manager, { size: head.size, note: whole, cosignedBy }));
    return cosignedBy;
  }

  private async ask(witness: WitnessAddress, submission: Submission): Promise<NoteSignature | undefined> {
    const { name } = witness.key;
    try {
      const cosignature = await askWitness(witness, submission, this.lastSizes.get(name) ?? 0);
      this.lastSizes.set(name, submission.size);
      return cosignature;
    } catch (error) {
      if (error instanceof WitnessRefused) this.logger.error(`the log is not what a witness has seen: ${error.message}`);
      else this.logger.warn(`the witness ${name} has not cosigned: ${(error as Error).message}`);
      return undefined;
    }
  }

  private async proof(oldSize: number, size: number): Promise<Uint8Array[]> {
    return consistencyProof(sha256, oldSize, size, await this.tiles.hashes(consistencySubtrees(oldSize, size), size));
  }
}
