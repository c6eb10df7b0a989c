import type { FastifyReply } from 'fastify';
import { DomainError, timeOfId } from '#kernel';
import { failure } from '#protocol';
import type { ClaimedResponse } from '#protocol';
import { projectOf } from '../access/principal.js';
import type { AuthenticatedRequest, Principal } from '../access/principal.js';
import type { ProjectScope } from '../access/project-scope.js';
import { internalId } from '../files/external-ids.js';
import { isUnexpected } from '../http/openai-error.js';
import { ChargeWatch } from '../idempotency/charge-watch.js';
import { idempotencyKey } from '../idempotency/idempotency-key.js';
import type { Once } from '../idempotency/once.js';
import type { JobWorker } from '../jobs/job-worker.js';
import type { OfferBook } from '../market/offer-book.js';
import { withoutFetching } from '../images/inline-images.js';
import type { Authenticator } from '../request/authenticate.js';
import { chatRequest, parseChat } from '../openai/chat-request.js';
import type { Replicated } from '../replicated.js';
import { declaredFacts, withClass } from '../request/declared-facts.js';
import { modelsOf } from '../request/model-chain.js';
import { followResponse } from './follow-response.js';
import type { PlannedResponses } from './planned-responses.js';
import { responseObject } from './response-object.js';
import type { ResponseRequest } from './response-request.js';
import type { Scope, StoredResponses } from './stored-responses.js';
import { tellResponse } from './tell-response.js';
import type { TellSettings } from './tell-response.js';
import { toChat } from './to-chat.js';

/** How long making one may take: two calls and its content. */
const makeMs = 30_000;

/** Responses in the background, as their callers see them: made at once, run by whichever gateway has room. */
export class BackgroundResponses {
  constructor(
    private readonly stored: StoredResponses,
    private readonly planned: PlannedResponses,
    private readonly scope: ProjectScope,
    private readonly replicated: Pick<Replicated, 'tenants' | 'aliases'>,
    private readonly book: Pick<OfferBook, 'serving'>,
    private readonly worker: Pick<JobWorker<ClaimedResponse>, 'wake' | 'renew'>,
    private readonly once: Pick<Once, 'take'>,
    private readonly authenticator: Pick<Authenticator, 'secretFor'>,
    private readonly settings: TellSettings,
  ) {}

  /** Made once for one `Idempotency-Key`. Errors: those of `make`, IDEMPOTENCY_MISMATCH, CONFLICT. */
  async create(principal: Principal, request: AuthenticatedRequest, body: ResponseRequest): Promise<{ response: Record<string, unknown>; isReplayed: boolean }> {
    const name = idempotencyKey(request.headers);
    if (name === undefined) return { response: await this.make(principal, request, body), isReplayed: false };
    const named = { tenant: principal.tenant, keyId: principal.keyId, name, secret: this.authenticator.secretFor('kept answers', request.headers.authorization), path: request.url, body: request.body, record: request.id, deadlineMs: makeMs };
    const taken = await this.once.take(named);
    if ('kept' in taken) return { response: JSON.parse(taken.kept.body.toString('utf8')) as Record<string, unknown>, isReplayed: true };
    const charging = new ChargeWatch(taken.turn);
    const response = await this.make(principal, request, body, charging).catch(async (error: unknown) => {
      // The scheduler may have it all the same, and run it.
      await (charging.isPossible && isUncertain(error) ? taken.turn.leave() : taken.turn.giveBack());
      throw error;
    });
    await taken.turn.keep({ status: 200, contentType: 'application/json', record: request.id, body: Buffer.from(JSON.stringify(response)) });
    return { response, isReplayed: false };
  }

  /** Resolves with the response, queued, when nothing can lose it any more. Errors: REQUEST_INVALID, BODY_TOO_LARGE, MODEL_NOT_FOUND, those of the plan and of storing. */
  private async make(principal: Principal, request: AuthenticatedRequest, body: ResponseRequest, charging?: ChargeWatch): Promise<Record<string, unknown>> {
    if (request.isBuyer === true) throw notHere('a response in the background is not sold: leave "background" out');
    if (body.store === false) throw failure('REQUEST_INVALID', 'a response in the background is stored: leave "store" out, or send true', { param: 'store' });
    const { plan, classAtLeast } = await this.planned.plan(principal, request, body);
    if (!plan) throw notHere('a response in the background is stored, and this project stores none: its limits say for how long (`responseSeconds`), which an administrator sets');
    // As its run will read it.
    const chat = chatRequest.safeParse(toChat({ ...body, input: plan.input, stream: true }));
    if (!chat.success) throw failure('REQUEST_INVALID', chat.error.issues[0]!.message, { param: chat.error.issues[0]!.path.join('.') || null });
    parseChat(withoutFetching(chat.data));
    this.assertServed(principal.tenant, body.model);
    const project = projectOf({ ...principal, project: plan.owner.project }, this.replicated.tenants.get(principal.tenant)!, undefined);
    const { tags, ...declared } = withClass(this.scope.declared(principal, declaredFacts(request.headers)), project, classAtLeast);
    const response = responseObject(body, { isStored: true }, { id: request.id, createdAt: Math.floor(timeOfId(request.id) / 1_000), model: body.model, status: 'queued', output: [], usage: null });
    const { input: _input, ...asked } = body;
    const { owner, id, seconds, input, dataClass, persons } = plan;
    await charging?.begin();
    await this.stored.save(owner, id, seconds, { v: 1, response, input, dataClass, persons, request: asked }, { declared: { ...declared, tags: [...tags] } });
    this.worker.wake();
    return response;
  }

  /** As it stands then. Errors: NOT_FOUND, REQUEST_INVALID for one that did not run in the background. */
  async cancel(scope: Scope, external: string): Promise<Record<string, unknown>> {
    await this.stored.cancel(scope, external);
    // It may run here: then its machine is told at once.
    await this.worker.renew();
    return (await this.stored.get(scope, external)).response;
  }

  /** Its events after number `after`, until its end, to a client. Errors: those of `followResponse`. */
  tell(scope: Scope, external: string, after: number, reply: FastifyReply): Promise<void> {
    const { stored } = this;
    const followed = {
      queued: async () => (await stored.asMade(scope, external)).response,
      state: () => stored.stateOf(scope, external),
      events: stored.eventsAfter.bind(stored),
    };
    return tellResponse(internalId('resp_', external), (signal) => followResponse(followed, after, signal), reply, this.settings);
  }

  /** A model that nobody has is told at once, as it is to who waits for an answer. */
  private assertServed(tenant: string, model: string): void {
    const isServed = modelsOf(this.replicated.aliases, tenant, model).some((name) => this.book.serving(name, 'chat.completions').length > 0);
    if (!isServed) throw failure('MODEL_NOT_FOUND', `no machine offers the model "${model}" for chat.completions`, { param: 'model' });
  }
}

const isUncertain = (error: unknown): boolean => isUnexpected(error) || (error instanceof DomainError && error.kind === 'unavailable');

const notHere = (message: string): Error => failure('REQUEST_INVALID', message, { param: 'background' });
