import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { canonicalJson, Clock } from '#kernel';
import { Malformed, openCheckpoint, signNote, verifySignature, type Checkpoint } from '#merkle';
import { exportManifest, failure, manifestHash, manifestNoteText, type ExportFacts, type manifestCalls, type RequestOf, type SignedManifest } from '#protocol';
import { withTenant } from '#service';
import { Secrets } from '../secrets.js';
import { LogKeys } from '../witnesses/log-keys.service.js';
import { TenantStream } from './tenant-stream.store.js';

interface Row {
  manifest: string;
  note: string;
}

/** Signs what an export came to with the log's key, so that its files can be checked by whoever is handed them. */
@Injectable()
export class ExportManifests {
  constructor(
    private readonly dataSource: DataSource,
    private readonly stream: TenantStream,
    private readonly secrets: Secrets,
    private readonly clock: Clock,
    private readonly keys: LogKeys,
  ) {}

  /** Errors: `REQUEST_INVALID`, `DATABASE_UNAVAILABLE`. */
  async seal(facts: ExportFacts): Promise<SignedManifest> {
    const { organisation, id, last } = facts;
    await this.judge(facts);
    const { manifest, note } = this.signed(facts);
    const kept = await withTenant(this.dataSource, organisation ?? '*', async (manager) => {
      if (last !== null && (await this.stream.lastUntil(manager, organisation, last)) !== last) throw failure('REQUEST_INVALID', 'the export ends at an entry that is not one of the organisation', { param: 'last' });
      const rows = await manager.query<Row[]>('INSERT INTO governance.export_manifests (id, tenant, manifest, note) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING manifest, note', [id, organisation, manifest, note]);
      return rows[0] ?? (await manager.query<Row[]>('SELECT manifest, note FROM governance.export_manifests WHERE id = $1', [id]))[0];
    });
    // Another organisation has the id: nothing of it is told.
    if (kept === undefined) throw failure('REQUEST_INVALID', 'there is an export of this id', { param: 'id' });
    return this.file(kept);
  }

  /** The same, kept by whoever asked for it. */
  signed(facts: ExportFacts): Row {
    const manifest = exportManifest.parse({ ...facts, madeAtMs: this.clock.nowMs() });
    const text = canonicalJson(manifest);
    return { manifest: text, note: signNote(manifestNoteText(this.secrets.logSigner.key.name, manifest, manifestHash(manifest)), this.secrets.logSigner) };
  }

  async file({ manifest, note }: Row): Promise<SignedManifest> {
    return { format: 'mizan-export/1', manifest: exportManifest.parse(JSON.parse(manifest)), note, logKey: await this.keys.keyOf(note) };
  }

  /** Error: `NOT_FOUND`. */
  async get({ tenant, id }: RequestOf<(typeof manifestCalls)['get']>): Promise<SignedManifest> {
    const [row] = await withTenant(this.dataSource, tenant ?? '*', (manager) => manager.query<Row[]>('SELECT manifest, note FROM governance.export_manifests WHERE id = $1 AND tenant IS NOT DISTINCT FROM $2::uuid', [id, tenant]));
    if (row === undefined) throw failure('NOT_FOUND', 'there is no such export');
    return this.file(row);
  }

  /** Nothing is signed that is not of this log. Error: `REQUEST_INVALID`. */
  private async judge({ checkpoint, logSize, last }: ExportFacts): Promise<void> {
    let shown: Checkpoint;
    try {
      shown = openCheckpoint(checkpoint, await this.keys.signerOf(checkpoint), verifySignature);
    } catch (error) {
      if (error instanceof Malformed) throw failure('REQUEST_INVALID', `the checkpoint is none of this log: ${error.message}`, { param: 'checkpoint' });
      throw error;
    }
    if (shown.size !== logSize || (last !== null && last >= logSize)) throw failure('REQUEST_INVALID', `the log had ${shown.size} entries`, { param: 'logSize' });
  }
}
