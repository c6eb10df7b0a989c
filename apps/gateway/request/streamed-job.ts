import type { DomainError } from '#kernel';
import type { Usage } from '#protocol';
import type { AnswerGuard } from '../answers/answer-guard.js';
import type { Produced } from './produced.js';

/** Where a streamed answer goes as it comes. */
export abstract class StreamOutlet {
  /** Whether the head has left: nothing may be tried again then. */
  hasBegun = false;
  /** When that was, in milliseconds of `performance.now()`, and how often something was written since. */
  begunAt: number | undefined;
  writes = 0;
  /** The head leaves: from here on the answer has its status, and no other machine may take over. */
  abstract begin(record: string): void;
  /** Resolves when the client can take more, or has gone. */
  abstract write(bytes: Buffer): Promise<void>;
  /** Nothing follows. */
  abstract end(): void;
  /** The client takes nothing and is not waited for any more: it counts as gone. */
  abstract drop(): void;
}

/** How the events of one machine's answer become what the client gets. */
export interface StreamForm {
  /** What the client gets of an event, if anything. Errors: ENGINE_FAILED, NODE_PROTOCOL (the event is an error, or none of the form). */
  take(data: Buffer): Buffer | undefined;
  /** Whether the engine has said that it had finished. */
  readonly isWhole: boolean;
  /** Whether a rule has ended the answer early: the machine need not go on. */
  readonly isStopped: boolean;
  /** What was produced so far. */
  readonly produced: Produced;
  /** The last bytes of an answer that is whole. */
  end(usage: Usage): Buffer;
  /** The last bytes of one that is not. */
  error(error: DomainError): Buffer;
}

/** What a job that streams has more than others. */
export interface StreamedJob {
  readonly outlet: StreamOutlet;
  /** One for each machine that is tried; `guard` reads what it says before anyone gets it. */
  form(guard?: AnswerGuard): StreamForm;
}
