import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Outbox, Serve } from '#messaging';
import { royaltyCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { RoyaltiesService } from './royalties.service.js';
import { RoyaltiesStore } from './royalties.store.js';

@Controller()
export class RoyaltiesRpc {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(RoyaltiesService) private readonly service: RoyaltiesService,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(RoyaltiesStore) private readonly royalties: RoyaltiesStore,
  ) {}

  @Serve(royaltyCalls.note)
  async note({ actor, ...use }: RequestOf<typeof royaltyCalls.note>): Promise<ReplyOf<typeof royaltyCalls.note>> {
    const noted = await withTenant(this.dataSource, '*', (manager) => this.service.note(manager, use, actor));
    this.outbox.kick();
    return noted;
  }

  @Serve(royaltyCalls.list)
  list(page: RequestOf<typeof royaltyCalls.list>): Promise<ReplyOf<typeof royaltyCalls.list>> {
    return withTenant(this.dataSource, page.tenant ?? '*', (manager) => this.royalties.list(manager, page));
  }
}
