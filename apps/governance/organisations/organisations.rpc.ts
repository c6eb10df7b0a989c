import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { failure, governanceCalls, uuid, type ReplyOf, type RequestOf } from '#protocol';
import { Organisations } from './organisations.service.js';

type Calls = typeof governanceCalls;

@Controller()
export class OrganisationsRpc {
  constructor(private readonly organisations: Organisations) {}

  @Serve(governanceCalls.createOrganisation)
  create(request: RequestOf<Calls['createOrganisation']>): Promise<ReplyOf<Calls['createOrganisation']>> {
    return this.organisations.create(request);
  }

  @Serve(governanceCalls.getOrganisation)
  get(request: RequestOf<Calls['getOrganisation']>): Promise<ReplyOf<Calls['getOrganisation']>> {
    return this.organisations.get(request);
  }

  @Serve(governanceCalls.listOrganisations)
  async list(request: RequestOf<Calls['listOrganisations']>): Promise<ReplyOf<Calls['listOrganisations']>> {
    if (request.after !== undefined && !uuid.safeParse(request.after).success) throw failure('REQUEST_INVALID', '"after" is the id of an organisation');
    return this.organisations.list(request);
  }

  @Serve(governanceCalls.createProject)
  createProject(request: RequestOf<Calls['createProject']>): Promise<ReplyOf<Calls['createProject']>> {
    return this.organisations.createProject(request);
  }

  @Serve(governanceCalls.listProjects)
  listProjects(request: RequestOf<Calls['listProjects']>): Promise<ReplyOf<Calls['listProjects']>> {
    return this.organisations.projects(request);
  }
}
