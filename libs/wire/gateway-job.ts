import { failure } from '#protocol';
import { BodyHash } from './body-hash.js';
import { BodyInbox } from './body-inbox.js';
import { chunksOf } from './chunks.js';
import { controlFrame, dataFrame, readControl } from './control.js';
import type { End, Head } from './control.js';
import { SendCredit } from './credit.js';
import { Deferred } from './deferred.js';
import { FrameType } from './frame.js';
import type { Frame } from './frame.js';
import type { JobEnd, JobRequest, JobStream, Unreachable } from './job.js';
import { LastWord } from './last-word.js';
import { checkReceipt } from './receipt-check.js';
import { cutOf, jobErrorOf, refusalOf } from './node-errors.js';
import { protocolError } from './version.js';

/** The node forgot the session before it saw the job: safe to open a new one and ask again. */
export class SessionForgotten extends Error {}

export interface GatewayJobParts {
  readonly number: number;
  readonly request: JobRequest;
  readonly remainingMs: number;
  /** Silence after which the node counts as lost. */
  readonly silenceMs: number;
  send(frame: Frame): void;
  /** The node reads joined frames. */
  joins(): void;
  /** The node said nothing for too long: a message of the session may be lost. */
  silent(): void;
  /** The job needs no more frames. */
  closed(): void;
}

/** One job as the gateway sees it: from the open frame to a stream, and to its one end. */
export class GatewayJob {
  private readonly opened = new Deferred<JobStream>();
  private readonly ended = new Deferred<JobEnd>();
  private readonly chunks: Generator<Buffer>;
  private readonly sendCredit = new SendCredit();
  private readonly body: BodyInbox;
  private readonly hash = new BodyHash();
  /** What an engine said against the request: read here, never streamed. */
  private readonly refused: Buffer[] = [];
  private head: Head | undefined;
  /** Why this side wants no more; the node's last word is awaited. */
  private leaving: LastWord | undefined;
  private over = false;
  private readonly silence: NodeJS.Timeout;
  private readonly deadline: NodeJS.Timeout;
  private framesSeen = 0;

  constructor(private readonly parts: GatewayJobParts) {
    const returned = (chunks: number): void => {
      if (!this.over) parts.send(controlFrame(FrameType.credit, parts.number, { chunks }));
    };
    this.body = new BodyInbox(returned, () => this.cancel(new Error('the reader went away')));
    this.chunks = chunksOf(parts.request.body);
    this.silence = setTimeout(() => this.suspect(), parts.silenceMs);
    this.deadline = setTimeout(() => this.cancel(failure('DEADLINE_EXCEEDED', 'the node did not answer in time')), parts.remainingMs);
    parts.request.signal?.addEventListener('abort', this.aborted, { once: true });
  }

  /** The answer from its head on. Error: whatever came before a head of success. */
  get stream(): Promise<JobStream> {
    return this.opened.promise;
  }

  /** Sends the body as far as credit goes. */
  pump(): void {
    while (!this.over && this.leaving === undefined && this.sendCredit.take()) {
      const next = this.chunks.next();
      if (next.done === true) return;
      this.parts.send(dataFrame(this.parts.number, next.value));
    }
  }

  receive(frame: Frame): void {
    this.framesSeen += 1;
    this.silence.refresh();
    try {
      this.take(frame);
    } catch (error) {
      this.abandon(error);
    }
  }

  /** Whether the node has said anything of it. */
  get heard(): boolean {
    return this.framesSeen > 0;
  }

  /** The job's node or session is gone. */
  lost(reason: Unreachable): void {
    this.fail(failure('NODE_UNREACHABLE', `the node is gone (${reason})`, { reason }));
  }

  forgotten(): void {
    this.fail(new SessionForgotten('the node does not know the session'));
  }

  /** The node does not keep to the protocol: nothing more is heard of it. */
  abandon(error: unknown): void {
    if (this.over) return;
    this.parts.send(controlFrame(FrameType.cancel, this.parts.number, {}));
    this.fail(error);
  }

  /** The answer is no longer wanted. The node is told, and has a moment to say what it did until then. */
  cancel(reason: unknown, left = false): void {
    if (this.over || this.leaving !== undefined) return;
    this.leaving = new LastWord(reason, () => this.fail(reason));
    this.parts.send(controlFrame(FrameType.cancel, this.parts.number, left ? { left } : {}));
    this.body.fail(reason, true);
  }

  private readonly aborted = (): void => this.cancel(this.parts.request.signal?.reason, true);

  private take(frame: Frame): void {
    switch (frame.type) {
      case FrameType.accept:
        if (readControl(FrameType.accept, frame).joins === true) this.parts.joins();
        return;
      case FrameType.pulse:
        return;
      case FrameType.refuse:
        return this.fail(refusalOf(readControl(FrameType.refuse, frame)));
      case FrameType.error:
        return this.fail(jobErrorOf(readControl(FrameType.error, frame)));
      case FrameType.credit:
        this.sendCredit.give(readControl(FrameType.credit, frame).chunks);
        return this.pump();
      case FrameType.head:
        return this.begin(readControl(FrameType.head, frame));
      case FrameType.data:
        return this.append(frame.payload);
      case FrameType.end:
        return this.complete(readControl(FrameType.end, frame));
      case FrameType.open:
      case FrameType.cancel:
      case FrameType.link:
      case FrameType.joined:
        throw protocolError(`a node may not send frames of type ${frame.type}`);
    }
  }

  private begin(head: Head): void {
    if (this.head !== undefined) throw protocolError('the node sent two heads');
    this.head = head;
    if (head.status < 300) this.opened.resolve({ ...head, body: this.body, end: this.ended.promise });
  }

  private append(chunk: Buffer): void {
    if (this.head === undefined) throw protocolError('the node sent a body before its head');
    this.hash.update(chunk);
    this.body.push(chunk);
    if (this.head.status >= 300) this.refused.push(...this.body.drain());
  }

  private complete(end: End): void {
    if (this.head === undefined) throw protocolError('the node ended before its head');
    if (this.head.status >= 300) return this.refuse(this.head);
    if (end.receipt === null) throw protocolError('the node sent no receipt');
    const responseHash = this.hash.digest();
    checkReceipt(end.receipt, this.parts.request, responseHash, end.usage);
    if (end.cut === undefined) this.body.end();
    else this.body.fail(this.leaving?.reason ?? cutOf(end.cut));
    this.finish();
    this.ended.resolve({ usage: end.usage, estimated: end.estimated ?? false, receipt: end.receipt, responseHash });
  }

  private refuse({ status, contentType, retryAfterMs }: Head): void {
    if (status >= 500) return this.fail(failure('ENGINE_FAILED', `the engine answered ${status}`, { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }));
    const body = Buffer.concat(this.refused).toString('utf8');
    this.fail(failure('ENGINE_REFUSED', `the engine refused the request with ${status}`, { status, contentType, body, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }));
  }

  /** The job is over without a receipt. What was wanted no longer goes before whatever the node says then. */
  private fail(error: unknown): void {
    if (this.over) return;
    const said = this.leaving === undefined ? error : this.leaving.reason;
    this.finish();
    this.body.fail(said);
    this.reject(said);
  }

  private reject(error: unknown): void {
    this.opened.reject(error);
    this.ended.reject(error);
  }

  /** A stalled event loop runs timers before it reads: what has arrived meanwhile is looked at first. */
  private suspect(): void {
    const seen = this.framesSeen;
    setImmediate(() => {
      if (this.framesSeen !== seen) return;
      if (!this.over) this.parts.send(controlFrame(FrameType.cancel, this.parts.number, {}));
      this.parts.silent();
      this.lost('lost');
    });
  }

  private finish(): void {
    this.over = true;
    clearTimeout(this.silence);
    clearTimeout(this.deadline);
    this.leaving?.heard();
    this.parts.request.signal?.removeEventListener('abort', this.aborted);
    this.parts.closed();
  }
}
