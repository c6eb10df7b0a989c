import type { AnswerGuard } from '../answers/answer-guard.js';
import { backgroundLimits } from '#protocol';
import type { ClaimedResponse, Usage } from '#protocol';
import { StreamOutlet } from '../request/streamed-job.js';
import { EventLogWriter } from './event-log-writer.js';
import type { Append } from './event-log-writer.js';
import { ResponseEvents } from './response-events.js';
import type { ResponseFailure } from './response-object.js';
import type { ResponseRequest } from './response-request.js';

const tooLarge: ResponseFailure = { code: 'server_error', message: `BODY_TOO_LARGE: the response is larger than the ${backgroundLimits.appendBytesMax} bytes that are stored of one` };

/** One run of a response in the background: a machine's words become events, which go to the response's log instead of a client. */
export class BackgroundRun extends StreamOutlet {
  private readonly log: EventLogWriter;
  private events: ResponseEvents;

  constructor(
    private readonly claimed: Pick<ClaimedResponse, 'job' | 'createdAtMs' | 'events' | 'eventBytes'>,
    private readonly request: ResponseRequest,
    append: Append,
    cancelled: () => void,
  ) {
    super();
    this.log = new EventLogWriter({ next: claimed.events, bytes: claimed.eventBytes }, append, cancelled);
    this.events = this.form();
  }

  /** One for each machine that is tried. */
  form(guard?: AnswerGuard): ResponseEvents {
    const { job, createdAtMs, events } = this.claimed;
    return (this.events = new ResponseEvents(job, this.request, { isStored: true }, guard, { first: events, createdAt: Math.floor(createdAtMs / 1_000) }));
  }

  /** Resolves when the response is stored as whole; as cancelled, when it was cancelled meanwhile. Errors: those of `append`. */
  async complete(used: Usage): Promise<void> {
    this.events.goOnAt(await this.log.flush());
    const last = this.events.end(used);
    if (last.length > backgroundLimits.appendBytesMax) return this.stop('failed', tooLarge);
    const { isKept } = await this.log.end(this.events.status, last);
    if (!isKept) await this.stop('cancelled', null);
  }

  /** Resolves when the response is stored with what came of it. Errors: those of `append`. */
  async stop(status: 'failed' | 'cancelled', error: ResponseFailure | null): Promise<void> {
    const next = await this.log.flush();
    this.events.goOnAt(next);
    let last = this.events.stopped(status, error);
    if (last.length > backgroundLimits.appendBytesMax) {
      this.form().goOnAt(next);
      last = this.events.stopped(status, error);
    }
    const { isKept } = await this.log.end(status, last);
    if (!isKept) await this.stop('cancelled', null);
  }

  begin(): void {
    this.hasBegun = true;
    this.begunAt = performance.now();
  }

  write(bytes: Buffer): Promise<void> {
    this.writes += 1;
    return this.log.write(bytes);
  }

  /** Its end is in the log before this is called. */
  end(): void {}

  drop(): void {}
}
