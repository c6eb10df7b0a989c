import type { NatsConnection } from '@nats-io/transport-node';
import { SystemClock, SystemIds } from '#kernel';
import type { Clock, Ids } from '#kernel';
import { failure, limits, nodeSubjects, serviceInboxPrefix, slug } from '#protocol';
import { AvoidedLinks } from './avoided-links.js';
import type { WireBus, WireMessage } from './bus.js';
import { SessionForgotten } from './gateway-job.js';
import { GatewaySession } from './gateway-session.js';
import { remainingMsMax } from './job-limits.js';
import { Interrupted } from './job.js';
import type { JobRequest, JobResult, JobStream } from './job.js';
import type { Dial } from './link.js';
import { NatsBus } from './nats-bus.js';
import { offerSession } from './session.js';
import { protocolError } from './version.js';

export interface NodeClientOptions {
  clock?: Clock;
  ids?: Ids;
  /** How long a node may take to open a session. */
  handshakeMs?: number;
  /** Silence after which the node of a running job counts as lost. */
  silenceMs?: number;
  /** How nodes with a public URL are called straight; without it all are called over the bus. */
  dial?: Dial;
}

/**
 * Runs jobs on nodes. Sessions are opened on first use, kept, and replaced when the node forgot them, when a message was lost,
 * or when their keys are worn.
 */
export class NodeClient {
  private readonly clock: Clock;
  private readonly ids: Ids;
  private readonly noticePrefix: string;
  /** What new jobs use, by node. */
  private readonly current = new Map<string, Promise<GatewaySession>>();
  /** Every session with jobs in it, by id. */
  private readonly sessions = new Map<string, GatewaySession>();
  private readonly avoided = new AvoidedLinks();
  private readonly stops: (() => void)[];

  constructor(
    private readonly bus: WireBus,
    private readonly gateway: string,
    private readonly options: NodeClientOptions = {},
  ) {
    slug.parse(gateway);
    this.clock = options.clock ?? new SystemClock();
    this.ids = options.ids ?? new SystemIds(this.clock);
    this.noticePrefix = bus.inbox();
    this.stops = [
      bus.subscribe(nodeSubjects.answersTo(gateway), (message) => this.receive(message)),
      bus.subscribe(`${this.noticePrefix}.>`, (message) => this.notice(message)),
    ];
  }

  /** Over a connection with the gateway's credential. `gateway` is a slug, unique among running gateways. */
  static connect(connection: NatsConnection, gateway: string, options: NodeClientOptions = {}): NodeClient {
    return new NodeClient(new NatsBus(connection, serviceInboxPrefix('gateway')), gateway, options);
  }

  /**
   * Runs one job and gives its answer as it comes. Resolves with the head of a success; until then another node may be asked instead.
   * Errors: NODE_UNREACHABLE (`reason`: no-responders, timeout, disconnected, lost), NODE_BUSY, ENGINE_REFUSED (`status`, `contentType`,
   * `body` are the engine's), ENGINE_FAILED, NODE_PROTOCOL, DEADLINE_EXCEEDED, BODY_TOO_LARGE; the signal's own reason when cancelled.
   */
  async stream(request: JobRequest): Promise<JobStream> {
    if (request.body.length > limits.jobBodyBytesMax) throw failure('BODY_TOO_LARGE', `a body of ${request.body.length} bytes is over ${limits.jobBodyBytesMax}`);
    try {
      return await this.attempt(request);
    } catch (error) {
      if (!(error instanceof SessionForgotten)) throw error;
    }
    try {
      return await this.attempt(request);
    } catch (error) {
      throw error instanceof SessionForgotten ? protocolError('the node forgets its sessions at once') : error;
    }
  }

  /** The same as a whole: the answer with its checked receipt. Errors: those of `stream`; Interrupted when it was cancelled and had made something. */
  async run(request: JobRequest): Promise<JobResult> {
    const { status, contentType, body, end } = await this.stream(request);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of body) chunks.push(chunk);
    } catch (error) {
      const made = request.signal?.aborted === true ? await end.catch(() => undefined) : undefined;
      throw made === undefined ? error : new Interrupted(error, made);
    }
    const { usage, estimated, receipt } = await end;
    return { status, contentType, body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks), usage, ...(estimated ? { estimated } : {}), receipt };
  }

  /** Cancels every running job; each still ends with what its node says that it did. */
  interrupt(reason: Error): void {
    for (const session of this.sessions.values()) session.interrupt(reason);
  }

  /** Ends all sessions; running jobs end as unreachable. */
  close(): void {
    for (const stop of this.stops) stop();
    for (const session of this.sessions.values()) session.close('disconnected');
    this.sessions.clear();
    this.current.clear();
  }

  private async attempt(request: JobRequest): Promise<JobStream> {
    request.signal?.throwIfAborted();
    const session = await this.sessionFor(request);
    request.signal?.throwIfAborted();
    const remainingMs = Math.min(Math.trunc(request.deadlineMs - this.clock.nowMs()), remainingMsMax);
    if (remainingMs <= 0) throw failure('DEADLINE_EXCEEDED', 'the deadline passed before the job was sent');
    return session.stream(request, remainingMs);
  }

  private async sessionFor(request: JobRequest): Promise<GatewaySession> {
    const known = this.current.get(request.node);
    if (known !== undefined) {
      const session = await known;
      if (session.usableBy(request, this.clock.monotonicMs()) && session.url === this.straightUrl(request)) return session;
      if (this.current.get(request.node) === known) this.current.delete(request.node);
    }
    const racing = this.current.get(request.node);
    if (racing !== undefined) return racing;
    const opening = this.open(request);
    this.current.set(request.node, opening);
    opening.catch(() => {
      if (this.current.get(request.node) === opening) this.current.delete(request.node);
    });
    return opening;
  }

  /** Where to call the node straight, unless that failed lately. */
  private straightUrl({ url }: JobRequest): string | undefined {
    return url && this.options.dial && !this.avoided.has(url, this.clock.monotonicMs()) ? url : undefined;
  }

  /** A new session: straight to the node if that can be, over the bus otherwise. */
  private async open(request: JobRequest): Promise<GatewaySession> {
    const session = await this.handshake(request);
    const url = this.straightUrl(request);
    if (url === undefined) return session;
    try {
      await session.linkTo(url, this.options.dial!, () => this.avoided.add(url, this.clock.monotonicMs()));
      this.avoided.forget(url);
      return session;
    } catch {
      this.avoided.add(url, this.clock.monotonicMs());
      this.sessions.delete(session.id);
      return this.handshake(request);
    }
  }

  private async handshake(request: JobRequest): Promise<GatewaySession> {
    const id = this.ids.uuid();
    const offer = offerSession({ gateway: this.gateway, node: request.node, nodePublicKey: request.nodePublicKey, session: id });
    const reply = await this.bus.request(nodeSubjects.session(request.node), Buffer.from(JSON.stringify(offer.request)), this.options.handshakeMs ?? 2_000);
    const session = new GatewaySession({
      bus: this.bus,
      node: request.node,
      nodePublicKey: request.nodePublicKey,
      session: id,
      ends: offer.finish(parseReply(reply)),
      noticePrefix: this.noticePrefix,
      silenceMs: this.options.silenceMs ?? limits.jobPulseMs * limits.jobPulseMissesMax,
      openedAtMs: this.clock.monotonicMs(),
    });
    this.forgetReplaced(request.node);
    this.sessions.set(id, session);
    return session;
  }

  /** Sessions that new jobs no longer use are dropped once their last job has ended. */
  private forgetReplaced(node: string): void {
    for (const [id, session] of this.sessions) {
      if (session.node !== node || !session.idle) continue;
      session.close('disconnected');
      this.sessions.delete(id);
    }
  }

  private receive(message: WireMessage): void {
    const [, node, , , , id] = message.subject.split('.');
    const session = this.sessions.get(id ?? '');
    if (session?.node === node) session?.receive(message.payload);
  }

  private notice(message: WireMessage): void {
    const [id, job] = message.subject.slice(this.noticePrefix.length + 1).split('.');
    this.sessions.get(id ?? '')?.notice(Number(job), message);
  }
}

function parseReply(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw protocolError('the node answered the session request with something else', {}, error);
  }
}
