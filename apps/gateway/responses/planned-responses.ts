import type { DataClass } from '#protocol';
import type { AuthenticatedRequest, Principal } from '../access/principal.js';
import type { ProjectScope } from '../access/project-scope.js';
import { higher } from '../classify/data-class.js';
import type { Replicated } from '../replicated.js';
import { declaredFacts } from '../request/declared-facts.js';
import { ownItems, saidItems } from './input-items.js';
import { ResponseKeeper } from './response-keeper.js';
import type { ResponseRequest } from './response-request.js';
import type { StoredResponses } from './stored-responses.js';

/** A request for a response with what it goes on from, and what becomes of the response. */
export interface PlannedResponse {
  /** With the items of earlier responses before its own. Their instructions are not among them. */
  readonly whole: ResponseRequest;
  readonly keeper: ResponseKeeper;
  readonly classAtLeast: DataClass | undefined;
}

export class PlannedResponses {
  constructor(
    private readonly stored: StoredResponses,
    private readonly scope: ProjectScope,
    private readonly replicated: Pick<Replicated, 'tenants'>,
  ) {}

  /** Errors: NOT_FOUND of an earlier response, NOT_ALLOWED, HEADER_INVALID, STARTING. */
  async plan(principal: Principal, request: AuthenticatedRequest, body: ResponseRequest): Promise<PlannedResponse> {
    const { tenant, project } = this.scope.paying(principal, request);
    // Within one project: another's prompts would be paid, decided and seen under the wrong one.
    const before = body.previous_response_id ? await this.stored.get({ tenant, project }, body.previous_response_id, 'previous_response_id') : undefined;
    const seconds = body.store === false ? null : this.stored.secondsOf({ tenant, project });
    if (before === undefined && seconds === null) return { whole: body, keeper: new ResponseKeeper(this.stored, undefined), classAtLeast: undefined };
    const input = [...(before ? [...before.input, ...saidItems(before.response['output'])] : []), ...ownItems(request.id, body)];
    const plan = seconds === null ? undefined : { owner: { tenant, project, keyId: principal.keyId }, id: request.id, seconds, input, dataClass: this.classOf(principal, request, project, before?.dataClass) };
    return { whole: { ...body, input: before ? input : body.input }, keeper: new ResponseKeeper(this.stored, plan), classAtLeast: before?.dataClass };
  }

  private classOf({ tenant }: Principal, request: AuthenticatedRequest, project: string, before: DataClass | undefined): DataClass {
    const declared = declaredFacts(request.headers).dataClass ?? this.replicated.tenants.get(tenant)!.projects.find(({ id }) => id === project)!.defaultClass;
    return before === undefined ? declared : higher(declared, before);
  }
}
