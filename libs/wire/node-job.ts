import { createHash } from 'node:crypto';
import { isDomainError } from '#kernel';
import { signReceipt } from '#protocol';
import type { ReceiptBody, SignedReceipt } from '#protocol';
import { BodyIntake } from './body-intake.js';
import { BodyOutlet } from './body-outlet.js';
import { controlFrame, dataFrame, readControl } from './control.js';
import type { Cut, JobError, OpenHeader } from './control.js';
import { FrameType } from './frame.js';
import type { Frame } from './frame.js';
import type { JobUsage, NodeJobOutput } from './node-job-handler.js';
import type { NodeSessionParts } from './node-session-parts.js';

export interface NodeJobParts extends NodeSessionParts {
  readonly number: number;
  readonly header: OpenHeader;
  readonly send: (frame: Frame) => void;
  readonly closed: () => void;
}

/** How long an engine that was interrupted may take to say what it did until then. */
const usageAfterCutMs = 500;

/** One job on a node, from accept to end. */
export class NodeJob {
  private readonly abort = new AbortController();
  private readonly intake: BodyIntake;
  private readonly outlet: BodyOutlet;
  private pulse: NodeJS.Timeout | undefined;
  private deadline: NodeJS.Timeout | undefined;
  private running = false;
  /** The engine answers with success: what it makes from here on is known. */
  private answering = false;
  /** Every byte of the answer was sent. */
  private whole = false;
  /** Why the answer stops before its end. */
  private cut: Cut | undefined;
  private engine: Promise<void> = Promise.resolve();
  private over = false;

  constructor(private readonly parts: NodeJobParts) {
    this.intake = new BodyIntake(parts.header.bodyBytes);
    this.outlet = new BodyOutlet(this.abort.signal, (chunk) => this.sendData(chunk));
  }

  start(): void {
    this.reply(FrameType.accept, { joins: true });
    this.pulse = setInterval(() => this.reply(FrameType.pulse, {}), this.parts.pulseMs);
    this.deadline = setTimeout(() => this.stop('DEADLINE_EXCEEDED', 'the deadline passed on the node'), this.parts.header.remainingMs);
    this.runWhenWhole();
  }

  receive(frame: Frame): void {
    try {
      if (frame.type === FrameType.cancel) return this.cancel(readControl(FrameType.cancel, frame).left === true);
      if (frame.type === FrameType.credit) return this.outlet.give(readControl(FrameType.credit, frame).chunks);
      if (frame.type !== FrameType.data) throw new Error(`a gateway may not send frames of type ${frame.type}`);
      if (this.running) throw new Error('the body is longer than announced');
      const chunks = this.intake.take(frame.payload);
      if (chunks > 0) this.reply(FrameType.credit, { chunks });
      this.runWhenWhole();
    } catch (error) {
      this.fail('PROTOCOL', (error as Error).message);
    }
  }

  /** Nobody waits for the answer any more. What was sent of it is still receipted; `isPaid`: what was made of it, too. */
  cancel(isPaid = true): void {
    this.stop('CANCELLED', 'the job was cancelled', isPaid);
  }

  /**
   * Interrupts the engine. An answer that has begun ends with a receipt over what was sent; one that has not is an error, unless what the
   * engine has made of it is paid.
   */
  private stop(why: Cut, message: string, isPaid = false): void {
    if (this.over || this.cut !== undefined) return;
    if (this.outlet.sentBytes === 0 && !(isPaid && this.answering)) return this.fail(why, message);
    if (!this.whole) this.cut = why;
    this.abort.abort(new Error(message));
  }

  private runWhenWhole(): void {
    if (this.running || this.over || !this.intake.whole) return;
    this.running = true;
    this.run(this.intake.body()).catch((error: unknown) => {
      if (!this.over) this.fail('ENGINE_FAILED', isDomainError(error) ? error.message : 'the engine failed');
    });
  }

  private async run(body: Buffer): Promise<void> {
    const { record, offer, model, endpoint, remainingMs, traceparent, cacheSalt, worthNanos } = this.parts.header;
    const startedAtMs = this.parts.clock.nowMs();
    const answering = this.parts.handler(
      { record, offer, model, endpoint, body, gateway: this.parts.gateway, remainingMs, traceparent, cacheSalt, ...(worthNanos === undefined ? {} : { worthNanos: BigInt(worthNanos) }) },
      this.abort.signal,
    );
    this.engine = answering.then(
      () => undefined,
      () => undefined,
    );
    const output = await answering;
    if (this.over) return;
    const { status, contentType, retryAfterMs } = output;
    this.reply(FrameType.head, { status, contentType, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
    this.answering = status < 300;
    await this.send(output);
    if (this.over) return;
    const { estimated, ...usage } = await this.usageOf(output);
    // Nothing was said and nothing was made: nothing is signed for.
    if (this.cut !== undefined && this.outlet.sentBytes === 0 && usage.outputTokens === 0) return this.fail(this.cut, 'the job was cancelled');
    const receipt = output.status < 300 ? await this.receiptFor(body, usage, startedAtMs) : null;
    if (this.over) return;
    this.reply(FrameType.end, { usage, receipt, ...(estimated ? { estimated } : {}), ...(this.cut === undefined ? {} : { cut: this.cut }) });
    this.finish();
  }

  /** Error: the engine's, when nothing was sent that could be receipted. */
  private async send(output: NodeJobOutput): Promise<void> {
    try {
      await this.outlet.write(output.body);
      this.whole = true;
    } catch (error) {
      if (this.over || this.cut !== undefined) return;
      if (this.outlet.sentBytes === 0 || output.status >= 300) throw error;
      this.stop('ENGINE_FAILED', 'the engine broke off');
    }
  }

  private async usageOf({ usage }: NodeJobOutput): Promise<JobUsage> {
    if (this.cut === undefined) return usage;
    const late = new Promise<JobUsage>((resolve) => setTimeout(() => resolve({ inputTokens: 0, outputTokens: 0 }), usageAfterCutMs).unref());
    return Promise.race([usage, late]);
  }

  /** Signed and on disk before the answer is whole: work that was done can be shown, whatever happens next. */
  private async receiptFor(request: Buffer, usage: ReceiptBody['usage'], startedAtMs: number): Promise<SignedReceipt> {
    const { record, offer, model, endpoint } = this.parts.header;
    const body: ReceiptBody = {
      v: 1,
      record,
      node: this.parts.node,
      offer,
      model,
      endpoint,
      requestHash: createHash('sha256').update(request).digest('hex'),
      responseHash: this.outlet.digest(),
      usage,
      startedAtMs,
      endedAtMs: this.parts.clock.nowMs(),
    };
    const receipt = signReceipt(body, this.parts.identity);
    await this.parts.keepReceipt(receipt, body);
    return receipt;
  }

  private fail(code: JobError['code'], message: string): void {
    if (this.over) return;
    // Over first: an error that cannot leave closes the session, which cancels its jobs.
    this.finish();
    this.reply(FrameType.error, { code, message: message.slice(0, 500) });
  }

  private finish(): void {
    if (this.over) return;
    this.over = true;
    clearInterval(this.pulse);
    clearTimeout(this.deadline);
    this.abort.abort(new Error('the job is over'));
    this.parts.closed();
    // An engine that cannot be interrupted keeps its place until it is through.
    void this.engine.then(() => this.parts.release());
  }

  private reply<T extends Parameters<typeof controlFrame>[0]>(type: T, header: Parameters<typeof controlFrame<T>>[2]): void {
    this.parts.send(controlFrame(type, this.parts.number, header));
  }

  private sendData(chunk: Buffer): void {
    this.parts.send(dataFrame(this.parts.number, chunk));
  }
}
