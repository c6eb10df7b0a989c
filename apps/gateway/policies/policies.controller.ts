import { Body, Controller, Get, Param, Post, Put, Query } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { governanceCalls, policyVersion, uuid } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, pathTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf, readerOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { Replies } from '../http/replies.js';

const newPolicy = governanceCalls.putPolicy.request.pick({ text: true });
const dryRun = z.object({
  /** A past request. */
  record: uuid,
  /** Left out: the policy in force. */
  text: newPolicy.shape.text.optional(),
});
const versionQuery = z.object({ version: z.coerce.number().int().positive().optional() });

@Controller('v1/organisations/:tenant/policy')
export class PoliciesController {
  constructor(private readonly caller: Caller) {}

  @Put()
  @Authorise('policy.write', pathTenant)
  @Replies('Publishes a new version of the policy, as Cedar text', policyVersion)
  put(
    @CurrentPrincipal() principal: Principal,
    @Param('tenant', { schema: uuid }) tenant: string,
    @Body({ schema: newPolicy }) body: z.output<typeof newPolicy>,
  ): Promise<z.output<typeof policyVersion>> {
    return this.caller.call(governanceCalls.putPolicy, { actor: actorOf(principal), tenant, text: body.text });
  }

  @Get()
  @Authorise('policy.read', pathTenant)
  @Replies('The policy in force, or an older version of it', policyVersion)
  get(@Param('tenant', { schema: uuid }) tenant: string, @Query({ schema: versionQuery }) query: z.output<typeof versionQuery>): Promise<z.output<typeof policyVersion>> {
    return this.caller.call(governanceCalls.getPolicy, { tenant, ...query });
  }

  @Get('versions')
  @Authorise('policy.read', pathTenant)
  @Replies('Every version of the policy, without its text', governanceCalls.listPolicies.reply)
  versions(@Param('tenant', { schema: uuid }) tenant: string): Promise<ReplyOf<typeof governanceCalls.listPolicies>> {
    return this.caller.call(governanceCalls.listPolicies, { tenant });
  }

  @Post('dry-run')
  @Authorise('policy.dryRun', pathTenant)
  @Replies('Decides a past request again', governanceCalls.dryRunPolicy.reply)
  dryRun(@CurrentPrincipal() principal: Principal, @Param('tenant', { schema: uuid }) tenant: string, @Body({ schema: dryRun }) body: z.output<typeof dryRun>): Promise<ReplyOf<typeof governanceCalls.dryRunPolicy>> {
    return this.caller.call(governanceCalls.dryRunPolicy, { tenant, ...body, reader: readerOf(principal) });
  }
}
