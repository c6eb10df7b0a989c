import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { SealedObjects } from '#objects';
import { failure, heldContentLimits } from '#protocol';
import type { HeldContent, heldContentCalls, LiveHold, ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import type { ContentKind } from './content-deletions.store.js';
import { holdOf } from './content-hold.js';
import { HeldContentStore } from './held-contents.store.js';
import type { KeptContent } from './held-contents.store.js';
import { LiveHolds } from './live-holds.service.js';

type Calls = typeof heldContentCalls;

/** What holds keep of deleted contents, for those who answer for it. A content that no hold covers at this moment is not there, though its key may not be destroyed yet. */
@Injectable()
export class HeldContents {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(HeldContentStore) private readonly store: HeldContentStore,
    @Inject(SealedObjects) private readonly objects: SealedObjects,
    @Inject(LiveHolds) private readonly holds: LiveHolds,
  ) {}

  async list({ tenant, kind, after, limit }: RequestOf<Calls['list']>): Promise<ReplyOf<Calls['list']>> {
    const holds = await this.holds.of(tenant);
    const page = holds.length === 0 ? [] : await withTenant(this.dataSource, tenant, (manager) => this.store.page(manager, kind, tenant, after, limit));
    return { data: page.flatMap((content) => heldBy(holds, kind, content) ?? []), next: page.length === limit ? page.at(-1)!.id : null };
  }

  async read({ tenant, kind, id, from }: RequestOf<Calls['read']>): Promise<ReplyOf<Calls['read']>> {
    const holds = await this.holds.of(tenant);
    const found = await withTenant(this.dataSource, tenant, (manager) => this.store.find(manager, kind, tenant, id));
    const content = found && heldBy(holds, kind, found);
    if (content === undefined) throw failure('NOT_FOUND', 'no legal hold keeps such a content', { id });
    const { facts } = found!;
    if (from > facts.bytes) throw failure('NOT_FOUND', `the content has ${facts.bytes} bytes`, { id });
    const end = Math.min(facts.bytes, from + heldContentLimits.partBytesMax);
    const parts: Uint8Array[] = [];
    for await (const part of await this.objects.get({ tenant, id }, facts, { start: from, end })) parts.push(part);
    return { content, part: Buffer.concat(parts).toString('base64'), next: end < facts.bytes ? end : null };
  }
}

function heldBy(holds: readonly LiveHold[], kind: ContentKind, content: KeptContent): HeldContent | undefined {
  const hold = holdOf(holds, content)?.id;
  if (hold === undefined) return undefined;
  const { id, project, filename, facts, persons, createdAtMs, deletedAtMs } = content;
  return { kind, id, project, hold, filename, bytes: facts.bytes, persons: [...persons], createdAtMs, deletedAtMs };
}
