import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { completenessCalls, type ReplyOf, type RequestOf } from '#protocol';
import { ReadLog } from '../audit/read-log.service.js';
import { LoggedCounts } from './logged-counts.service.js';
import { LoggedDecisions } from './logged-decisions.service.js';

type Calls = typeof completenessCalls;

@Controller()
export class CompletenessRpc {
  constructor(
    private readonly logged: LoggedDecisions,
    private readonly counted: LoggedCounts,
    private readonly reads: ReadLog,
  ) {}

  @Serve(completenessCalls.decisions)
  async decisions({ reader, ...request }: RequestOf<Calls['decisions']>): Promise<ReplyOf<Calls['decisions']>> {
    const { tenant, fromMs, toMs } = request;
    await this.reads.note(reader, tenant, { what: 'completeness', filter: { fromMs, toMs } });
    return this.logged.page(request);
  }

  @Serve(completenessCalls.counts)
  counts(request: RequestOf<Calls['counts']>): Promise<ReplyOf<Calls['counts']>> {
    return this.counted.page(request);
  }
}
