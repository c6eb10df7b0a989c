import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { dataClass, governanceCalls, label, project, uuid } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, pathTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { Replies } from '../http/replies.js';

const newProject = z.object({
  name: label,
  /** The class of data whose request declares none. */
  defaultClass: dataClass.default('internal'),
});

@Controller('v1/organisations/:tenant/projects')
export class ProjectsController {
  constructor(private readonly caller: Caller) {}

  @Post()
  @Authorise('project.write', pathTenant)
  @Replies('Creates a project', project, 201)
  create(
    @CurrentPrincipal() principal: Principal,
    @Param('tenant', { schema: uuid }) tenant: string,
    @Body({ schema: newProject }) body: z.output<typeof newProject>,
  ): Promise<z.output<typeof project>> {
    return this.caller.call(governanceCalls.createProject, { actor: actorOf(principal), tenant, ...body });
  }

  @Get()
  @Authorise('project.read', pathTenant)
  @Replies('Projects of an organisation', governanceCalls.listProjects.reply)
  list(@Param('tenant', { schema: uuid }) tenant: string): Promise<ReplyOf<typeof governanceCalls.listProjects>> {
    return this.caller.call(governanceCalls.listProjects, { tenant });
  }
}
