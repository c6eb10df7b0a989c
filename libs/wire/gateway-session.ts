import { nodeSubjects } from '#protocol';
import type { WireBus, WireMessage } from './bus.js';
import { controlFrame } from './control.js';
import { encodeFrame, FrameType, jobMax } from './frame.js';
import type { Frame } from './frame.js';
import { GatewayJob } from './gateway-job.js';
import type { JobRequest, JobStream, Unreachable } from './job.js';
import { FrameQueue, framesOf } from './joined-frames.js';
import type { Dial, Link } from './link.js';
import { readNotice } from './notice.js';
import type { SessionEnds } from './session.js';

/** After this a session takes no new jobs, so that old keys die. */
const sessionAgeMsMax = 3_600_000;

export interface GatewaySessionParts {
  readonly bus: WireBus;
  readonly node: string;
  readonly nodePublicKey: string;
  readonly session: string;
  readonly ends: SessionEnds;
  /** Where the node (or the server) tells about this session in clear. */
  readonly noticePrefix: string;
  readonly silenceMs: number;
  readonly openedAtMs: number;
}

/** An open session with one node and the jobs that run in it. */
export class GatewaySession {
  private readonly jobs = new Map<number, GatewayJob>();
  private readonly subject;
  private readonly queue = new FrameQueue((message, frames) => this.leave(message, frames));
  private lastJob = 0;
  private closed = false;
  /** New jobs get another session: the next message of this one may show that one before it is missing. */
  private doubted = false;
  private direct: { readonly url: string; readonly link: Link } | undefined;
  /** Messages on this session's subject that the node did not send, or sent before. */
  droppedCount = 0;

  constructor(private readonly parts: GatewaySessionParts) {
    this.subject = nodeSubjects.frames(parts.node, parts.session);
  }

  get id(): string {
    return this.parts.session;
  }

  get node(): string {
    return this.parts.node;
  }

  /** Where the node is called straight, if it is. */
  get url(): string | undefined {
    return this.direct?.url;
  }

  get idle(): boolean {
    return this.jobs.size === 0;
  }

  /** Whether a new job may start here. */
  usableBy(request: JobRequest, monotonicMs: number): boolean {
    const { ends, openedAtMs, nodePublicKey } = this.parts;
    return !this.closed && !this.doubted && !ends.sealing.worn && this.lastJob < jobMax && monotonicMs - openedAtMs < sessionAgeMsMax && nodePublicKey === request.nodePublicKey;
  }

  /** Gives a new session a link of its own; `failed` is told when it ends. Errors: those of `dial`. */
  async linkTo(url: string, dial: Dial, failed: () => void): Promise<void> {
    const hello = this.parts.ends.sealing.seal(encodeFrame(controlFrame(FrameType.link, 0, {})));
    const ended = (): void => {
      failed();
      this.unlinked();
    };
    this.direct = { url, link: await dial(url, this.parts.session, hello, { receive: (message) => this.receive(message), ended }) };
  }

  stream(request: JobRequest, remainingMs: number): Promise<JobStream> {
    const number = ++this.lastJob;
    const job = new GatewayJob({
      number,
      request,
      remainingMs,
      silenceMs: this.parts.silenceMs,
      send: (frame) => this.queue.send(frame),
      joins: () => (this.queue.joins = true),
      silent: () => (this.doubted = true),
      closed: () => this.jobs.delete(number),
    });
    this.jobs.set(number, job);
    const { record, offer, model, endpoint, traceparent, cacheSalt, worthNanos } = request;
    const header = { record, offer, model, endpoint, bodyBytes: request.body.length, remainingMs, joins: true };
    const beside = { ...(traceparent === undefined ? {} : { traceparent }), ...(cacheSalt === undefined ? {} : { cacheSalt }), ...(worthNanos === undefined ? {} : { worthNanos: worthNanos.toString() }) };
    this.queue.send(controlFrame(FrameType.open, number, { ...header, ...beside }));
    job.pump();
    return job.stream;
  }

  /** A message on the session's subject. */
  receive(message: Buffer): void {
    if (this.closed) return;
    const opened = this.parts.ends.opening.open(message);
    switch (opened.kind) {
      case 'dropped':
        this.droppedCount += 1;
        return;
      case 'gap':
        return this.close('lost');
      case 'frame':
        return this.deliver(opened.plaintext);
    }
  }

  /** A message in clear about the open frame of one job. */
  notice(jobNumber: number, message: WireMessage): void {
    const job = this.jobs.get(jobNumber);
    if (job === undefined) return;
    if (message.noResponders) {
      job.lost('no-responders');
      this.close('no-responders');
    } else if (readNotice(message.payload) === 'SESSION_UNKNOWN') {
      this.forgotten();
      this.close('lost');
    }
  }

  interrupt(reason: Error): void {
    for (const job of [...this.jobs.values()]) job.cancel(reason);
  }

  close(reason: Unreachable): void {
    this.queue.flush();
    this.closed = true;
    this.direct?.link.close();
    for (const job of [...this.jobs.values()]) job.lost(reason);
  }

  private unlinked(): void {
    this.forgotten();
    this.close('disconnected');
  }

  /** Jobs that the node has said nothing of are asked for once more, in another session; the others fail over or are cut. */
  private forgotten(): void {
    this.closed = true;
    for (const job of [...this.jobs.values()]) if (!job.heard) job.forgotten();
  }

  private deliver(plaintext: Buffer): void {
    let frames: Frame[];
    try {
      frames = framesOf(plaintext);
    } catch (error) {
      for (const job of [...this.jobs.values()]) job.abandon(error);
      this.close('lost');
      return;
    }
    for (const frame of frames) this.jobs.get(frame.job)?.receive(frame);
  }

  /** A message that opens jobs asks to be told, in the first one's name, when nobody takes it. */
  private leave(message: Frame, frames: readonly Frame[]): void {
    if (this.closed) return;
    try {
      const sealed = this.parts.ends.sealing.seal(encodeFrame(message));
      const opens = frames.find(({ type }) => type === FrameType.open);
      if (this.direct === undefined) this.parts.bus.publish(this.subject, sealed, opens && `${this.parts.noticePrefix}.${this.parts.session}.${opens.job}`);
      else this.direct.link.send(sealed);
    } catch {
      this.close('disconnected');
    }
  }
}
