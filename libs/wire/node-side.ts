import type { KeyObject } from 'node:crypto';
import type { NatsConnection } from '@nats-io/transport-node';
import { SystemClock } from '#kernel';
import type { Clock } from '#kernel';
import { limits, nodeSubjects } from '#protocol';
import type { ReceiptBody, SignedReceipt } from '#protocol';
import type { WireBus, WireMessage } from './bus.js';
import type { OpenHeader, Refusal } from './control.js';
import type { Sessions } from './http-door.js';
import type { Link } from './link.js';
import { NatsBus } from './nats-bus.js';
import type { NodeJobHandler } from './node-job-handler.js';
import { NodeSession } from './node-session.js';
import { sessionUnknownNotice } from './notice.js';
import { acceptSession, sessionRequest } from './session.js';
import { versionRefusal, wireVersion } from './version.js';

export interface NodeServerOptions {
  readonly node: string;
  /** Ed25519 private key: signs sessions and receipts. */
  readonly identity: KeyObject;
  readonly handler: NodeJobHandler;
  /** Takes a place for the job, or says why not; called before `accept`. A taken place is given back by `release`. */
  readonly admit: (open: OpenHeader) => Refusal | undefined;
  readonly release?: () => void;
  /** Makes a receipt durable; the answer ends only after it resolves. */
  readonly keepReceipt: (receipt: SignedReceipt, body: ReceiptBody) => Promise<void>;
  readonly clock?: Clock;
  readonly pulseMs?: number;
}

/** Sessions a node holds; each running gateway needs one, and one more for an hour's overlap. The longest unused goes first. */
const sessionsMax = 256;

/** How long interrupted jobs may take to sign for what they did. */
const interruptMs = 1_000;

/** Serves sessions and jobs on a node's own subjects. */
export class NodeServer implements Sessions {
  private readonly clock: Clock;
  private readonly sessions = new Map<string, NodeSession>();
  private readonly stops: (() => void)[];
  /** Where the server says that a session's gateway is gone. */
  private readonly noticePrefix: string;
  private draining = false;

  constructor(
    private readonly bus: WireBus,
    private readonly options: NodeServerOptions,
  ) {
    this.clock = options.clock ?? new SystemClock();
    this.noticePrefix = bus.inbox();
    this.stops = [
      bus.subscribe(`${this.noticePrefix}.>`, (message) => this.notice(message)),
      bus.subscribe(nodeSubjects.session(options.node), (message) => this.handshake(message)),
      bus.subscribe(nodeSubjects.frames(options.node, '*'), (message) => this.receive(message)),
    ];
  }

  /** Over a connection with the node's credential. */
  static connect(connection: NatsConnection, options: NodeServerOptions): NodeServer {
    return new NodeServer(new NatsBus(connection, nodeSubjects.inboxPrefix(options.node)), options);
  }

  attach(session: string, hello: Buffer, link: Link): boolean {
    return this.sessions.get(session)?.attach(hello, link) ?? false;
  }

  linked(session: string): boolean {
    return this.sessions.get(session)?.linked ?? false;
  }

  deliver(id: string, message: Buffer): boolean {
    const session = this.sessions.get(id);
    return session?.linked === true && this.take(id, session, message);
  }

  /** The gateway is gone, or the way to it: the jobs of the session are interrupted, and what they did is signed for. */
  detach(id: string, link: Link): void {
    const session = this.sessions.get(id);
    if (session?.has(link) !== true) return;
    this.sessions.delete(id);
    session.close();
  }

  get runningJobs(): number {
    return [...this.sessions.values()].reduce((sum, session) => sum + session.runningJobs, 0);
  }

  /** Refuses new jobs and resolves when the running ones have ended. */
  async drain(): Promise<void> {
    this.draining = true;
    await Promise.all([...this.sessions.values()].map((session) => session.idle()));
  }

  /** Interrupts the running jobs and waits a moment for the receipts of what they did. */
  async interrupt(): Promise<void> {
    for (const session of this.sessions.values()) session.close();
    const late = new Promise<void>((resolve) => setTimeout(resolve, interruptMs).unref());
    await Promise.race([Promise.all([...this.sessions.values()].map((session) => session.idle())), late]);
  }

  /** Stops at once; running jobs are aborted. */
  close(): void {
    for (const stop of this.stops) stop();
    for (const session of this.sessions.values()) session.close();
    this.sessions.clear();
  }

  /** A gateway that died cancels nothing: its jobs are interrupted, and what they did is signed for. */
  private notice(message: WireMessage): void {
    if (message.noResponders) this.sessions.get(message.subject.slice(this.noticePrefix.length + 1))?.close();
  }

  private tell(subject: string, payload: Buffer, reply?: string): boolean {
    try {
      this.bus.publish(subject, payload, reply);
      return true;
    } catch {
      return false;
    }
  }

  private handshake(message: WireMessage): void {
    if (message.reply === undefined) return;
    this.tell(message.reply, Buffer.from(JSON.stringify(this.answerHandshake(message.payload))));
  }

  private answerHandshake(payload: Buffer): unknown {
    const refuse = (error: { code: string; message: string }): unknown => ({ v: wireVersion, error });
    let said: unknown;
    try {
      said = JSON.parse(payload.toString('utf8'));
    } catch {
      return refuse({ code: 'INVALID', message: 'the session request is not JSON' });
    }
    const version = (said as { v?: unknown } | null)?.v;
    if (version !== wireVersion) return refuse(versionRefusal(version));
    const request = sessionRequest.safeParse(said);
    if (!request.success) return refuse({ code: 'INVALID', message: 'the session request is malformed' });
    if (this.draining) return refuse({ code: 'DRAINING', message: 'the node is shutting down' });
    if (this.sessions.has(request.data.session)) return refuse({ code: 'INVALID', message: 'a session of this id is open' });
    try {
      const { reply, ends } = acceptSession(request.data, this.options.node, this.options.identity);
      this.makeRoom();
      this.sessions.set(request.data.session, this.sessionOf(request.data, ends));
      return reply;
    } catch (error) {
      return refuse({ code: 'INVALID', message: (error as Error).message });
    }
  }

  private sessionOf(request: { gateway: string; session: string }, ends: ConstructorParameters<typeof NodeSession>[0]['ends']): NodeSession {
    return new NodeSession({
      ...this.options,
      admit: (open) => (this.draining ? { code: 'DRAINING', message: 'the node is shutting down' } : this.options.admit(open)),
      release: () => this.options.release?.(),
      gateway: request.gateway,
      ends,
      clock: this.clock,
      pulseMs: this.options.pulseMs ?? limits.jobPulseMs,
      publish: (sealed, asked) => this.tell(nodeSubjects.answers(this.options.node, request.gateway, request.session), sealed, asked ? `${this.noticePrefix}.${request.session}` : undefined),
    });
  }

  private makeRoom(): void {
    if (this.sessions.size < sessionsMax) return;
    for (const [id, session] of this.sessions) {
      if (session.runningJobs > 0) continue;
      this.sessions.delete(id);
      session.close();
      return;
    }
    throw new Error('too many sessions are open');
  }

  private receive(message: WireMessage): void {
    const id = message.subject.split('.')[4] ?? '';
    const session = this.sessions.get(id);
    if (session === undefined) {
      if (message.reply !== undefined) this.tell(message.reply, sessionUnknownNotice());
      return;
    }
    if (!this.take(id, session, message.payload) && message.reply !== undefined) this.tell(message.reply, sessionUnknownNotice());
  }

  /** False when the session is over. */
  private take(id: string, session: NodeSession, message: Buffer): boolean {
    // Used last: makeRoom() takes from the front.
    this.sessions.delete(id);
    const goesOn = session.receive(message);
    if (goesOn) this.sessions.set(id, session);
    return goesOn;
  }
}
