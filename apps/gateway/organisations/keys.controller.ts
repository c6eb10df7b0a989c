import { Body, Controller, Delete, Get, Param, Post } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { Role, apiKey, failure, governanceCalls, label, roles, timeMs, uuid } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, pathTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { Replies } from '../http/replies.js';

const newKey = z.object({
  name: label,
  role: z.enum(roles),
  /** Left out: a key of the whole organisation. */
  project: uuid.nullish(),
  expiresAtMs: timeMs.nullish(),
});

@Controller('v1/organisations/:tenant/keys')
export class KeysController {
  constructor(private readonly caller: Caller) {}

  /** Error: NOT_ALLOWED for a role that is wider than the caller's own, or for another project than the caller is bound to. */
  @Post()
  @Authorise('key.write', pathTenant)
  @Replies('Creates an API key; its secret is shown this once', governanceCalls.createKey.reply, 201)
  create(
    @CurrentPrincipal() principal: Principal,
    @Param('tenant', { schema: uuid }) tenant: string,
    @Body({ schema: newKey }) body: z.output<typeof newKey>,
  ): Promise<ReplyOf<typeof governanceCalls.createKey>> {
    if (body.role === Role.platformAdmin && principal.role !== Role.platformAdmin) throw failure('NOT_ALLOWED', 'only a platform administrator may make another');
    if (principal.project !== null && body.project !== principal.project) throw failure('NOT_ALLOWED', 'a key of one project makes keys of that project only', { param: 'project' });
    return this.caller.call(governanceCalls.createKey, { actor: actorOf(principal), tenant, name: body.name, role: body.role, project: body.project ?? null, expiresAtMs: body.expiresAtMs ?? null });
  }

  @Get()
  @Authorise('key.read', pathTenant)
  @Replies('API keys of an organisation, without their secrets', governanceCalls.listKeys.reply)
  list(@Param('tenant', { schema: uuid }) tenant: string): Promise<ReplyOf<typeof governanceCalls.listKeys>> {
    return this.caller.call(governanceCalls.listKeys, { tenant });
  }

  @Delete(':id')
  @Authorise('key.write', pathTenant)
  @Replies('Revokes an API key; gateways refuse it within a second', apiKey)
  revoke(@CurrentPrincipal() principal: Principal, @Param('tenant', { schema: uuid }) tenant: string, @Param('id', { schema: uuid }) id: string): Promise<z.output<typeof apiKey>> {
    return this.caller.call(governanceCalls.revokeKey, { actor: actorOf(principal), tenant, id });
  }
}
