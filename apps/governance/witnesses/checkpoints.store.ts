import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** A checkpoint with what was added to it by witnesses. */
export interface PublishedCheckpoint {
  readonly size: number;
  /** The signed note. */
  readonly note: string;
  /** Names of the witnesses in it. */
  readonly cosignedBy: readonly string[];
}

/** The published checkpoints. Every method runs in the caller's transaction. */
@Injectable()
export class CheckpointStore {
  async newest(manager: EntityManager): Promise<PublishedCheckpoint | undefined> {
    const [row] = await manager.query<{ size: string; note: string; cosigned_by: string[] }[]>('SELECT size, note, cosigned_by FROM governance.log_checkpoints ORDER BY size DESC LIMIT 1');
    return row && { size: Number(row.size), note: row.note, cosignedBy: row.cosigned_by };
  }

  /** Publishes; of two for one size the one with more witnesses stays. */
  async publish(manager: EntityManager, { size, note, cosignedBy }: PublishedCheckpoint): Promise<void> {
    await manager.query(
      `INSERT INTO governance.log_checkpoints AS kept (size, note, cosigned_by) VALUES ($1, $2, $3)
       ON CONFLICT (size) DO UPDATE SET note = excluded.note, cosigned_by = excluded.cosigned_by WHERE cardinality(excluded.cosigned_by) > cardinality(kept.cosigned_by)`,
      [size, note, cosignedBy],
    );
  }
}
