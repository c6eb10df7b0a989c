import { failure, limits } from '#protocol';
import { chunksOf } from './chunks.js';
import { controlFrame, dataFrame, readControl } from './control.js';
import type { End, Head } from './control.js';
import { ReceiveCredit, SendCredit } from './credit.js';
import { FrameType } from './frame.js';
import type { Frame } from './frame.js';
import type { JobRequest, JobResult, Unreachable } from './job.js';
import { checkReceipt } from './receipt-check.js';
import { jobErrorOf, refusalOf } from './node-errors.js';
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
  /** The job needs no more frames. */
  closed(): void;
}

/** One job as the gateway sees it, from the open frame to its one outcome. */
export class GatewayJob {
  readonly outcome: Promise<JobResult>;
  private settle!: { resolve(result: JobResult): void; reject(error: unknown): void };
  private readonly chunks: Generator<Buffer>;
  private readonly sendCredit = new SendCredit();
  private readonly receiveCredit = new ReceiveCredit();
  private readonly received: Buffer[] = [];
  private receivedBytes = 0;
  private head: Head | undefined;
  private over = false;
  private readonly silence: NodeJS.Timeout;
  private readonly deadline: NodeJS.Timeout;
  private framesSeen = 0;

  constructor(private readonly parts: GatewayJobParts) {
    this.outcome = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
    this.outcome.catch(() => undefined);
    this.chunks = chunksOf(parts.request.body);
    this.silence = setTimeout(() => this.suspect(), parts.silenceMs);
    this.deadline = setTimeout(() => this.abandon(failure('DEADLINE_EXCEEDED', 'the node did not answer in time')), parts.remainingMs);
    parts.request.signal?.addEventListener('abort', this.aborted, { once: true });
  }

  /** Sends the body as far as credit goes. */
  pump(): void {
    while (!this.over && this.sendCredit.take()) {
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

  /** The job's node or session is gone. */
  lost(reason: Unreachable): void {
    this.finish(() => this.settle.reject(failure('NODE_UNREACHABLE', `the node is gone (${reason})`, { reason })));
  }

  forgotten(): void {
    this.finish(() => this.settle.reject(new SessionForgotten('the node does not know the session')));
  }

  /** Gives up and tells the node. */
  abandon(error: unknown): void {
    if (this.over) return;
    this.parts.send(controlFrame(FrameType.cancel, this.parts.number, {}));
    this.finish(() => this.settle.reject(error));
  }

  private readonly aborted = (): void => this.abandon(this.parts.request.signal?.reason);

  private take(frame: Frame): void {
    switch (frame.type) {
      case FrameType.accept:
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
        if (this.head !== undefined) throw protocolError('the node sent two heads');
        this.head = readControl(FrameType.head, frame);
        return;
      case FrameType.data:
        return this.append(frame.payload);
      case FrameType.end:
        return this.complete(readControl(FrameType.end, frame));
      case FrameType.open:
      case FrameType.cancel:
        throw protocolError(`a node may not send frames of type ${frame.type}`);
    }
  }

  private append(chunk: Buffer): void {
    if (this.head === undefined) throw protocolError('the node sent a body before its head');
    this.receiveCredit.arrived();
    this.receivedBytes += chunk.length;
    if (this.receivedBytes > limits.responseBytesMax) throw protocolError(`the answer is over ${limits.responseBytesMax} bytes`);
    this.received.push(chunk);
    const chunks = this.receiveCredit.consume();
    if (chunks > 0) this.parts.send(controlFrame(FrameType.credit, this.parts.number, { chunks }));
  }

  private complete(end: End): void {
    if (this.head === undefined) throw protocolError('the node ended before its head');
    const { status, contentType } = this.head;
    const body = Buffer.concat(this.received);
    if (status >= 500) return this.fail(failure('ENGINE_FAILED', `the engine answered ${status}`, { status }));
    if (status >= 300) {
      return this.fail(failure('ENGINE_REFUSED', `the engine refused the request with ${status}`, { status, contentType, body: body.toString('utf8') }));
    }
    if (end.receipt === null) throw protocolError('the node sent no receipt');
    const { usage, receipt } = end;
    checkReceipt(receipt, this.parts.request, body, usage);
    this.finish(() => this.settle.resolve({ status, contentType, body, usage, receipt }));
  }

  /** The node itself has ended the job: nothing to cancel. */
  private fail(error: unknown): void {
    this.finish(() => this.settle.reject(error));
  }

  /** A stalled event loop runs timers before it reads: what has arrived meanwhile is looked at first. */
  private suspect(): void {
    const seen = this.framesSeen;
    setImmediate(() => {
      if (this.framesSeen !== seen) return;
      if (!this.over) this.parts.send(controlFrame(FrameType.cancel, this.parts.number, {}));
      this.lost('lost');
    });
  }

  private finish(settle: () => void): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.silence);
    clearTimeout(this.deadline);
    this.parts.request.signal?.removeEventListener('abort', this.aborted);
    this.parts.closed();
    settle();
  }
}
