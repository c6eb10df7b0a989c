import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { governanceCalls, type ReplyOf, type RequestOf } from '#protocol';
import { ReadLog } from '../audit/read-log.service.js';
import { DryRunService } from './dry-run.service.js';
import { Policies } from './policies.service.js';

type Calls = typeof governanceCalls;

@Controller()
export class PoliciesRpc {
  constructor(
    private readonly policies: Policies,
    private readonly dryRun: DryRunService,
    private readonly reads: ReadLog,
  ) {}

  @Serve(governanceCalls.putPolicy)
  put(request: RequestOf<Calls['putPolicy']>): Promise<ReplyOf<Calls['putPolicy']>> {
    return this.policies.put(request);
  }

  @Serve(governanceCalls.getPolicy)
  get(request: RequestOf<Calls['getPolicy']>): Promise<ReplyOf<Calls['getPolicy']>> {
    return this.policies.get(request);
  }

  @Serve(governanceCalls.listPolicies)
  list(request: RequestOf<Calls['listPolicies']>): Promise<ReplyOf<Calls['listPolicies']>> {
    return this.policies.list(request);
  }

  @Serve(governanceCalls.dryRunPolicy)
  async decideAgain(request: RequestOf<Calls['dryRunPolicy']>): Promise<ReplyOf<Calls['dryRunPolicy']>> {
    const decided = await this.dryRun.run(request);
    await this.reads.note(request.reader, request.tenant, { what: 'dry-run', record: request.record });
    return decided;
  }
}
