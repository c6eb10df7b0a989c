import { failure } from '#protocol';
import type { DataClass } from '#protocol';
import type { AuthenticatedRequest, Principal } from '../access/principal.js';
import type { ProjectScope } from '../access/project-scope.js';
import { higher } from '../classify/data-class.js';
import type { Replicated } from '../replicated.js';
import { declaredFacts } from '../request/declared-facts.js';
import { ownItems, saidItems } from './input-items.js';
import type { InputItem } from './input-items.js';
import { ResponseKeeper } from './response-keeper.js';
import type { StoringPlan } from './response-keeper.js';
import type { ResponseRequest } from './response-request.js';
import type { StoredResponse, StoredResponses } from './stored-responses.js';

/** A request for a response with what it goes on from, and what becomes of the response. */
export interface PlannedResponse {
  /** With the items of earlier responses before its own. Their instructions are not among them. */
  readonly whole: ResponseRequest;
  readonly keeper: ResponseKeeper;
  readonly classAtLeast: DataClass | undefined;
  /** How it is stored; undefined: not at all. */
  readonly plan: StoringPlan | undefined;
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
    const { whole, before } = await this.goingOn({ tenant, project }, request.id, body);
    const seconds = body.store === false ? null : this.stored.secondsOf({ tenant, project });
    const input = before ? (whole.input as InputItem[]) : ownItems(request.id, body);
    const plan = seconds === null ? undefined : { owner: { tenant, project, keyId: principal.keyId }, id: request.id, seconds, input, dataClass: this.classOf(principal, request, project, before?.dataClass), persons: this.personsOf(principal, request, before?.persons) };
    return { whole, keeper: new ResponseKeeper(this.stored, plan), classAtLeast: before?.dataClass, plan };
  }

  /** A request with the items of the response that it goes on from, and that one. Error: NOT_FOUND; REQUEST_INVALID while that one runs. */
  async goingOn(scope: { tenant: string; project: string }, id: string, body: ResponseRequest): Promise<{ whole: ResponseRequest; before: StoredResponse | undefined }> {
    if (!body.previous_response_id) return { whole: body, before: undefined };
    const before = await this.stored.get(scope, body.previous_response_id, 'previous_response_id');
    if (before.response['status'] === 'queued' || before.response['status'] === 'in_progress') throw failure('REQUEST_INVALID', `the response "${body.previous_response_id}" runs in the background and has not ended`, { param: 'previous_response_id' });
    return { whole: { ...body, input: [...before.input, ...saidItems(before.response['output']), ...ownItems(id, body)] }, before };
  }

  /** What goes on from a response about somebody is about them too, whatever is declared. */
  private personsOf(principal: Principal, request: AuthenticatedRequest, before: readonly string[] = []): string[] {
    const { subject } = this.scope.declared(principal, declaredFacts(request.headers));
    return [...new Set([...before, ...(subject === null ? [] : [subject])])];
  }

  private classOf({ tenant }: Principal, request: AuthenticatedRequest, project: string, before: DataClass | undefined): DataClass {
    const declared = declaredFacts(request.headers).dataClass ?? this.replicated.tenants.get(tenant)!.projects.find(({ id }) => id === project)!.defaultClass;
    return before === undefined ? declared : higher(declared, before);
  }
}
