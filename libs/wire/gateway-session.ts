import { ed25519PublicKey, nodeSubjects } from '#protocol';
import type { WireBus, WireMessage } from './bus.js';
import { controlFrame } from './control.js';
import { decodeFrame, encodeFrame, FrameType, jobMax } from './frame.js';
import type { Frame } from './frame.js';
import { GatewayJob } from './gateway-job.js';
import type { JobRequest, JobStream, Unreachable } from './job.js';
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
  private readonly nodeKey;
  private readonly subject;
  private lastJob = 0;
  private closed = false;
  private direct: { readonly url: string; readonly link: Link } | undefined;
  /** Messages on this session's subject that the node did not send, or sent before. */
  droppedCount = 0;

  constructor(private readonly parts: GatewaySessionParts) {
    this.nodeKey = ed25519PublicKey(parts.nodePublicKey);
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
    return !this.closed && !ends.sealing.worn && this.lastJob < jobMax && monotonicMs - openedAtMs < sessionAgeMsMax && nodePublicKey === request.nodePublicKey;
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
      nodeKey: this.nodeKey,
      remainingMs,
      silenceMs: this.parts.silenceMs,
      send: (frame) => this.send(frame),
      closed: () => this.jobs.delete(number),
    });
    this.jobs.set(number, job);
    const { record, offer, model, endpoint, traceparent, cacheSalt } = request;
    this.send(
      controlFrame(FrameType.open, number, { record, offer, model, endpoint, bodyBytes: request.body.length, remainingMs, ...(traceparent === undefined ? {} : { traceparent }), ...(cacheSalt === undefined ? {} : { cacheSalt }) }),
      `${this.parts.noticePrefix}.${this.parts.session}.${number}`,
    );
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
      this.closed = true;
      job.forgotten();
      this.close('lost');
    }
  }

  interrupt(reason: Error): void {
    for (const job of [...this.jobs.values()]) job.cancel(reason);
  }

  close(reason: Unreachable): void {
    this.closed = true;
    this.direct?.link.close();
    for (const job of [...this.jobs.values()]) job.lost(reason);
  }

  /** Jobs that the node has said nothing of are asked for once more, in another session; the others fail over or are cut. */
  private unlinked(): void {
    this.closed = true;
    for (const job of [...this.jobs.values()]) if (!job.heard) job.forgotten();
    this.close('disconnected');
  }

  private deliver(plaintext: Buffer): void {
    let frame: Frame;
    try {
      frame = decodeFrame(plaintext);
    } catch (error) {
      for (const job of [...this.jobs.values()]) job.abandon(error);
      this.close('lost');
      return;
    }
    this.jobs.get(frame.job)?.receive(frame);
  }

  private send(frame: Frame, reply?: string): void {
    if (this.closed) return;
    try {
      const sealed = this.parts.ends.sealing.seal(encodeFrame(frame));
      if (this.direct === undefined) this.parts.bus.publish(this.subject, sealed, reply);
      else this.direct.link.send(sealed);
    } catch {
      this.close('disconnected');
    }
  }
}
