import type { FastifyReply } from 'fastify';
import { failure } from '#protocol';
import { projectOf } from '../access/principal.js';
import type { AuthenticatedRequest, Principal } from '../access/principal.js';
import type { Replicated } from '../replicated.js';
import { higher } from '../classify/data-class.js';
import { declaredFacts } from '../request/declared-facts.js';
import type { RequestPipeline } from '../request/request-pipeline.js';
import { clientGone } from './client-gone.js';
import type { ParsedRequest } from './parsed-request.js';
import { SseOutlet } from './sse-outlet.js';

/** From an HTTP request for inference to its HTTP answer, through the pipeline. */
export class Inference {
  constructor(
    private readonly replicated: Pick<Replicated, 'tenants'>,
    private readonly pipeline: Pick<RequestPipeline, 'run'>,
    private readonly commentMs: number,
  ) {}

  /** Errors: HEADER_INVALID, NOT_ALLOWED, and those of the pipeline. */
  async answer(principal: Principal, { form, keep, told, classAtLeast, ...parsed }: ParsedRequest, request: AuthenticatedRequest, reply: FastifyReply): Promise<void> {
    const tenant = this.replicated.tenants.get(principal.tenant);
    if (!tenant) throw failure('STARTING', 'the organisation of this API key is not known here yet; try again shortly');
    const project = projectOf(principal, tenant, singleHeader(request, 'openai-project'));
    const declared = declaredFacts(request.headers);
    const answer = await this.pipeline.run({
      ...parsed,
      id: request.id,
      keyId: principal.keyId,
      role: principal.role,
      tenant,
      project,
      declared: classAtLeast === undefined ? declared : { ...declared, dataClass: higher(declared.dataClass ?? project.defaultClass, classAtLeast) },
      ...(keep && { keep: async (made) => made && keep(made) }),
      isRepeat: /^[1-9]\d*$/.test(singleHeader(request, 'x-stainless-retry-count') ?? ''),
      tellLimits: (headers) => void reply.headers(headers),
      ...(form === undefined ? {} : { body: alone(parsed.body), streamed: { outlet: new SseOutlet(reply, this.commentMs), form } }),
      signal: clientGone(reply),
    });
    if (form !== undefined) return;
    // What was answered before comes without being kept.
    if (answer.isReused) await keep?.(answer);
    if (answer.isReused) reply.header('x-mizan-cache', answer.similarity === undefined ? 'hit' : 'similar');
    if (answer.similarity !== undefined) reply.header('x-mizan-similarity', String(answer.similarity));
    await reply.code(answer.status).header('x-mizan-record', answer.record).type(answer.contentType).send(told?.(answer.body) ?? answer.body);
  }
}

/** A small buffer is a piece of a larger one, all of which it would keep for as long as its stream is open. */
function alone(body: Buffer): Buffer {
  if (body.buffer.byteLength === body.length) return body;
  const copy = Buffer.allocUnsafeSlow(body.length);
  body.copy(copy);
  return copy;
}

function singleHeader(request: AuthenticatedRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
