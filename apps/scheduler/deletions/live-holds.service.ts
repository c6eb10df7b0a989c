import { Inject, Injectable } from '@nestjs/common';
import { Caller } from '#messaging';
import { retentionCalls } from '#protocol';
import type { LiveHold } from '#protocol';

const pageMax = 200;

/** Governance's word on what is held now. */
@Injectable()
export class LiveHolds {
  constructor(@Inject(Caller) private readonly caller: Caller) {}

  /** All live holds of an organisation. Errors: those of asking. */
  async of(tenant: string): Promise<LiveHold[]> {
    const holds: LiveHold[] = [];
    for (let after: string | undefined; ; after = holds.at(-1)!.id) {
      const { data, hasMore } = await this.caller.call(retentionCalls.liveHolds, { tenant, after, limit: pageMax });
      holds.push(...data);
      if (!hasMore || data.length === 0) return holds;
    }
  }
}
