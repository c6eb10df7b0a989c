import { Controller, Module } from '@nestjs/common';
import { z } from 'zod';
import { Serve } from '#messaging';
import { failure, retentionCalls } from '#protocol';
import type { LiveHold, ReplyOf, RequestOf } from '#protocol';
import { defineService, runService } from '#service';
import type { RunningService } from '#service';
import type { TestNats } from '#testing';

/** For specs: a governance that knows of holds alone. `away`: it refuses to say. */
export interface HoldsSaid {
  readonly byTenant: Map<string, LiveHold[]>;
  away: boolean;
}

export function runGovernanceOfHolds(nats: TestNats, said: HoldsSaid): Promise<RunningService> {
  @Controller()
  class HoldsRpc {
    @Serve(retentionCalls.liveHolds)
    live({ tenant, after, limit }: RequestOf<(typeof retentionCalls)['liveHolds']>): ReplyOf<(typeof retentionCalls)['liveHolds']> {
      if (said.away) throw failure('SERVICE_UNAVAILABLE', 'away');
      const holds = said.byTenant.get(tenant) ?? [];
      const from = after === undefined ? 0 : holds.findIndex(({ id }) => id === after) + 1;
      return { data: holds.slice(from, from + limit), hasMore: holds.length > from + limit };
    }
  }
  @Module({ controllers: [HoldsRpc] })
  class HoldsModule {}
  return runService(defineService({ name: 'governance', config: z.object({}), module: () => HoldsModule, migrations: [], http: 'internal' }), { NATS_URL: nats.url, LOG_LEVEL: 'fatal', NATS_CREDS: nats.credentials.governance });
}
