import { controlFrame, readControl } from './control.js';
import type { OpenHeader, Refusal } from './control.js';
import { decodeFrame, encodeFrame, FrameType } from './frame.js';
import type { Frame } from './frame.js';
import { NodeJob } from './node-job.js';
import { FrameQueue, framesOf } from './joined-frames.js';
import type { Link } from './link.js';
import type { NodeSessionParts } from './node-session-parts.js';

/** One gateway's open session on a node. */
export class NodeSession {
  private readonly jobs = new Map<number, NodeJob>();
  private readonly waiting: (() => void)[] = [];
  private lastJob = 0;
  private link: Link | undefined;
  private readonly queue = new FrameQueue((message, frames) => this.leave(message, frames));

  constructor(private readonly parts: NodeSessionParts) {}

  get runningJobs(): number {
    return this.jobs.size;
  }

  get linked(): boolean {
    return this.link !== undefined;
  }

  /** Answers over this link from now on. False when the hello is not the gateway's, or not the session's first message. */
  attach(hello: Buffer, link: Link): boolean {
    const opened = this.parts.ends.opening.open(hello);
    if (opened.kind !== 'frame' || this.link !== undefined) return false;
    try {
      if (decodeFrame(opened.plaintext).type !== FrameType.link) return false;
    } catch {
      return false;
    }
    this.link = link;
    return true;
  }

  /** Whether this is the session's link. */
  has(link: Link): boolean {
    return this.link === link;
  }

  /** Resolves when no job runs. */
  async idle(): Promise<void> {
    if (this.jobs.size > 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  /** Takes one sealed message; false when the session is over and must be forgotten. */
  receive(message: Buffer): boolean {
    const opened = this.parts.ends.opening.open(message);
    if (opened.kind === 'dropped') return true;
    try {
      if (opened.kind === 'gap') throw new Error(`${opened.missing} messages were lost`);
      for (const frame of framesOf(opened.plaintext)) this.deliver(frame);
      return true;
    } catch {
      this.close();
      return false;
    }
  }

  close(): void {
    for (const job of [...this.jobs.values()]) job.cancel();
    // After the last words of its jobs.
    if (this.link !== undefined) void this.idle().then(() => this.link?.close());
  }

  private deliver(frame: Frame): void {
    if (frame.type === FrameType.open) this.open(frame);
    else this.jobs.get(frame.job)?.receive(frame);
  }

  private open(frame: Frame): void {
    const number = frame.job;
    if (number <= this.lastJob) return this.refuse(number, { code: 'INVALID', message: 'job numbers only grow' });
    this.lastJob = number;
    let header: OpenHeader;
    try {
      header = readControl(FrameType.open, frame);
    } catch (error) {
      return this.refuse(number, { code: 'INVALID', message: (error as Error).message });
    }
    if (header.joins === true) this.queue.joins = true;
    const refusal = this.parts.admit(header);
    if (refusal !== undefined) return this.refuse(number, refusal);
    const job = new NodeJob({ ...this.parts, number, header, send: (answer) => this.send(answer), closed: () => this.closed(number) });
    this.jobs.set(number, job);
    job.start();
  }

  private closed(number: number): void {
    this.jobs.delete(number);
    if (this.jobs.size > 0) return;
    // Whoever waits for the last job may end the connection next.
    this.queue.flush();
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private refuse(number: number, refusal: Refusal): void {
    this.send(controlFrame(FrameType.refuse, number, { ...refusal, message: refusal.message.slice(0, 500) }));
  }

  private send(frame: Frame): void {
    this.queue.send(frame);
    if (this.jobs.size === 0) this.queue.flush();
  }

  private leave(message: Frame, frames: readonly Frame[]): void {
    // A message that cannot leave is a gap for the gateway: nothing after it would be read.
    const sealed = this.parts.ends.sealing.seal(encodeFrame(message));
    if (!(this.link?.send(sealed) ?? this.parts.publish(sealed, frames.some(({ type }) => type === FrameType.pulse)))) this.close();
  }
}
