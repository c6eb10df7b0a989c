import { Inject, Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { Replicas, ReplicaView } from '#messaging';
import { failure, requestKeyOf, requestTypes, sealRecord, Sealer, tenantReplica } from '#protocol';
import type { LogRecord, RecordDraft, TenantEntry } from '#protocol';

/** An organisation that was just made may not have reached the replica yet. */
const replicaWaitMs = 2_000;
const pollMs = 25;

/** Writes a tenant's log records: the body sealed under the tenant's key, the envelope under its pseudonym. */
@Injectable()
export class TenantRecords implements OnModuleInit {
  private view = new ReplicaView<TenantEntry>();
  private readonly sealers = new Map<string, { sealKeyId: string; sealer: Sealer }>();

  constructor(@Inject(Replicas) private readonly replicas: Replicas) {}

  async onModuleInit(): Promise<void> {
    this.view = await this.replicas.view(tenantReplica);
  }

  knows(tenant: string): boolean {
    return this.view.get(tenant) !== undefined;
  }

  /** Names as they are now; `null` where they are not known. */
  namesOf(tenant: string, project: string): { tenantName: string | null; projectName: string | null } {
    const entry = this.view.get(tenant);
    return { tenantName: entry?.name ?? null, projectName: entry?.projects.find(({ id }) => id === project)?.name ?? null };
  }

  /** Error: NOT_FOUND when the organisation or its project is not known within two seconds. */
  async requireProject(tenant: string, project: string): Promise<void> {
    const found = await this.waitFor(() => this.view.get(tenant)?.projects.some(({ id }) => id === project));
    if (!found) throw failure('NOT_FOUND', 'there is no such project in this organisation', { tenant, project });
  }

  /** Error: NOT_FOUND when the organisation is not known within two seconds. */
  async seal(tenant: string, draft: RecordDraft): Promise<LogRecord> {
    const entry = await this.waitFor(() => this.view.get(tenant));
    if (!entry) throw failure('NOT_FOUND', 'there is no such organisation', { tenant });
    return sealRecord(draft, entry, this.sealerOf(entry, draft));
  }

  private sealerOf(entry: TenantEntry, { type }: RecordDraft): Sealer {
    const { id, key } = requestTypes.includes(type) ? requestKeyOf(entry) : { id: entry.sealKeyId, key: entry.sealKey };
    const name = `${entry.tenant} ${requestTypes.includes(type)}`;
    const known = this.sealers.get(name);
    if (known && known.sealKeyId === id && !known.sealer.worn) return known.sealer;
    const sealer = new Sealer(Buffer.from(key, 'base64'), id);
    this.sealers.set(name, { sealKeyId: id, sealer });
    return sealer;
  }

  private async waitFor<T>(look: () => T | undefined): Promise<T | undefined> {
    for (let waitedMs = 0; ; waitedMs += pollMs) {
      const found = look();
      if (found || waitedMs >= replicaWaitMs) return found;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
}
