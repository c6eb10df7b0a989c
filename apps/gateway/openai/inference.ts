import { Logger } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { failure } from '#protocol';
import type { TenantEntry } from '#protocol';
import { projectOf } from '../access/principal.js';
import type { AuthenticatedRequest, Principal } from '../access/principal.js';
import { seesTimings } from '../access/timing-viewer.js';
import { ChargeWatch } from '../idempotency/charge-watch.js';
import { idempotencyKey } from '../idempotency/idempotency-key.js';
import type { Once, Turn } from '../idempotency/once.js';
import type { Replicated } from '../replicated.js';
import type { Authenticator } from '../request/authenticate.js';
import { declaredFacts, withClass } from '../request/declared-facts.js';
import type { Persons } from '../request/persons.js';
import type { InferenceAnswer, InferenceJob } from '../request/inference-job.js';
import type { RequestPipeline } from '../request/request-pipeline.js';
import { StepTimes } from '../request/step-times.js';
import type { SalesCounter } from '../x402/sales-counter.js';
import { clientGone } from './client-gone.js';
import type { ParsedRequest } from './parsed-request.js';
import { SseOutlet } from './sse-outlet.js';

/** `charging`: of one that is named. */
type Parsed = ParsedRequest & Pick<InferenceJob, 'charging'>;

/** From an HTTP request for inference to its HTTP answer, through the pipeline. */
export class Inference {
  private readonly logger = new Logger(Inference.name);

  constructor(
    private readonly replicated: Pick<Replicated, 'tenants'>,
    private readonly pipeline: Pick<RequestPipeline, 'run'>,
    private readonly once: Once,
    private readonly authenticator: Pick<Authenticator, 'authenticate' | 'secretFor'>,
    private readonly persons: Pick<Persons, 'named'>,
    private readonly counter: Pick<SalesCounter, 'sell'>,
    private readonly settings: { readonly commentMs: number; readonly deadlineMs: number; readonly streamDeadlineMs: number },
  ) {}

  /** Errors: HEADER_INVALID, NOT_ALLOWED, IDEMPOTENCY_MISMATCH, CONFLICT, and those of the pipeline. */
  async answer(principal: Principal, { form, ...parsed }: ParsedRequest, request: AuthenticatedRequest, reply: FastifyReply): Promise<void> {
    const tenant = this.replicated.tenants.get(principal.tenant);
    if (!tenant) throw failure('STARTING', 'the organisation of this API key is not known here yet; try again shortly');
    if (request.isBuyer === true) return this.counter.sell({ form, ...parsed }, () => this.jobOf(principal, tenant, parsed, request, reply), request, reply);
    const name = idempotencyKey(request.headers);
    if (name === undefined) return this.run(principal, tenant, { form, ...parsed }, request, reply);
    const { deadlineMs, streamDeadlineMs } = this.settings;
    const secret = this.authenticator.secretFor('kept answers', request.headers.authorization);
    const taken = await this.once.take({ ...{ tenant: tenant.tenant, keyId: principal.keyId, name, secret }, path: request.url, body: parsed.identity ?? request.body, record: request.id, deadlineMs: form === undefined && parsed.takesLong !== true ? deadlineMs : streamDeadlineMs });
    if ('kept' in taken) return void (await reply.code(taken.kept.status).headers({ 'x-mizan-record': taken.kept.record, 'idempotency-replayed': 'true' }).type(taken.kept.contentType).send(taken.kept.body));
    await this.run(principal, tenant, { form, ...parsed }, request, reply, taken.turn);
  }

  private async run(principal: Principal, tenant: TenantEntry, parsed: ParsedRequest, request: AuthenticatedRequest, reply: FastifyReply, turn?: Turn): Promise<void> {
    const { form } = parsed;
    const charging = turn && new ChargeWatch(turn);
    let answer: InferenceAnswer;
    try {
      answer = await this.timed(principal, request, reply, (tellTimes) => this.answered(principal, tenant, { ...parsed, charging }, request, reply, tellTimes));
    } catch (error) {
      // What a client has had a part of, or may be charged for, is not run again.
      if (turn) await this.tried(request, reply.raw.headersSent ? turn.keep(undefined) : charging?.isPossible === true ? turn.leave() : turn.giveBack());
      throw error;
    }
    if (turn) await this.tried(request, turn.keep(form === undefined ? answer : undefined));
    if (form === undefined) await this.send(answer, reply);
  }

  /** What a claim cannot be told now costs nobody an answer: it stays as it was begun, and who asks again is told that. */
  private async tried({ id }: AuthenticatedRequest, told: Promise<void>): Promise<void> {
    await told.catch((error: unknown) => this.logger.warn(`the claim of request ${id} does not say what became of it: ${String(error)}`));
  }

  /** With `Server-Timing` for administrators: of a stream, the steps before its head. */
  private async timed(principal: Principal, request: AuthenticatedRequest, reply: FastifyReply, work: (tellTimes?: () => void) => Promise<InferenceAnswer>): Promise<InferenceAnswer> {
    if (!seesTimings(this.authenticator, request, principal)) return work();
    const times = new StepTimes();
    const tell = (): void => void (reply.raw.headersSent ? undefined : reply.header('server-timing', times.header));
    try {
      return await times.during(() => work(tell));
    } finally {
      tell();
    }
  }

  private async answered(principal: Principal, tenant: TenantEntry, parsed: Parsed, request: AuthenticatedRequest, reply: FastifyReply, tellTimes?: () => void): Promise<InferenceAnswer> {
    const { form, keep, told, contentType } = parsed;
    const made = await this.pipeline.run(this.jobOf(principal, tenant, parsed, request, reply, tellTimes));
    const answer = contentType === undefined ? made : { ...made, contentType };
    // What was answered before comes without being kept.
    if (answer.isReused) await keep?.(answer);
    return told && form === undefined ? { ...answer, body: told(answer.body) } : answer;
  }

  private jobOf(principal: Principal, tenant: TenantEntry, parsed: Parsed, request: AuthenticatedRequest, reply: FastifyReply, tellTimes?: () => void): InferenceJob {
    const { form, keep, told: _t, contentType: _c, identity: _i, classAtLeast, ...asked } = parsed;
    const project = projectOf(principal, tenant, singleHeader(request, 'openai-project'));
    const declared = this.persons.named(tenant, declaredFacts(request.headers));
    return {
      ...asked,
      id: request.id,
      keyId: principal.keyId,
      role: principal.role,
      tenant,
      project,
      declared: withClass(declared, project, classAtLeast),
      ...(keep && { keep: async (made) => made && keep(made) }),
      isRepeat: /^[1-9]\d*$/.test(singleHeader(request, 'x-stainless-retry-count') ?? ''),
      tellLimits: (headers) => void reply.headers(headers),
      ...(form === undefined ? {} : { streamed: { outlet: new SseOutlet(reply, this.settings.commentMs, tellTimes), form } }),
      signal: clientGone(reply),
    };
  }

  private async send(answer: InferenceAnswer, reply: FastifyReply): Promise<void> {
    if (answer.isReused) reply.header('x-mizan-cache', answer.similarity === undefined ? 'hit' : 'similar');
    if (answer.similarity !== undefined) reply.header('x-mizan-similarity', String(answer.similarity));
    await reply.code(answer.status).header('x-mizan-record', answer.record).type(answer.contentType).send(answer.body);
  }
}

function singleHeader(request: AuthenticatedRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
