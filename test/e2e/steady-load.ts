import { setTimeout as pause } from 'node:timers/promises';
import { errorCodes, httpStatus } from '#protocol';
import { eventually } from './eventually.js';
import { embed } from './requests.js';
import type { Answer, RestApi } from './rest-api.js';

/** One request of the load, when it had ended. */
export interface Sent {
  readonly number: number;
  readonly startedAt: number;
  readonly tookMs: number;
  /** `null`: the connection failed. */
  readonly status: number | null;
  /** The error's code, or what the connection failed of. */
  readonly code: string | null;
  readonly record: string | null;
  readonly retryAfter: string | null;
  /** What is wrong with the answer itself, whatever it says. */
  readonly malformed: string | null;
}

const workers = 2;
/** Between two requests of one worker: about seven a second in all, so that what restarts finds a core. */
const gapMs = 250;

/** A few requests at a time, for as long as the test wants; nothing is tried again. */
export class SteadyLoad {
  readonly sent: Sent[] = [];
  private stopping = false;
  private next = 0;
  private readonly running: Promise<unknown>;

  constructor(private readonly api: RestApi) {
    this.running = Promise.all(Array.from({ length: workers }, () => this.work()));
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
  }

  /** Requests that began after `moment` (as `performance.now()`) and have ended. */
  since(moment: number): Sent[] {
    return this.sent.filter(({ startedAt }) => startedAt >= moment);
  }

  /** Waits until so many requests that begin from now on have ended as wanted. */
  async sees(what: string, count: number, wanted: (sent: Sent) => boolean, patienceMs?: number): Promise<Sent[]> {
    const from = performance.now();
    return eventually(`${count} times ${what} under load`, (saw) => {
      const seen = this.since(from);
      saw(seen.slice(-5));
      const found = seen.filter(wanted);
      return found.length >= count ? found : undefined;
    }, patienceMs);
  }

  private async work(): Promise<void> {
    while (!this.stopping) {
      const number = (this.next += 1);
      const startedAt = performance.now();
      const seen = await embed(this.api, textOf(number)).then(seenOf, failedOf);
      this.sent.push({ number, startedAt, tookMs: Math.round(performance.now() - startedAt), ...seen });
      await pause(gapMs);
    }
  }
}

export const isAnswered = ({ status }: Sent): boolean => status === 200;
export const isFailed = ({ status }: Sent): boolean => status !== 200;

/** Every third one may run in the EU only. */
const textOf = (number: number): string => `Message ${number}: the balance is true. ${number % 3 === 0 ? `Write to clerk${number}@example.com.` : ''}`;

type Seen = Omit<Sent, 'number' | 'startedAt' | 'tookMs'>;

function seenOf(answer: Answer): Seen {
  return {
    status: answer.status,
    code: answer.error?.code ?? null,
    record: answer.headers.get('x-mizan-record'),
    retryAfter: answer.headers.get('retry-after'),
    malformed: malformed(answer),
  };
}

function failedOf(error: unknown): Seen {
  const cause = (error as { cause?: { code?: string } }).cause;
  return { status: null, code: cause?.code ?? String(error), record: null, retryAfter: null, malformed: null };
}

/** An answer is embeddings with a record, or OpenAI's error object with a code of the protocol under its own status. */
function malformed({ status, headers, json, error, bytes }: Answer): string | null {
  const text = bytes.toString('utf8').slice(0, 300);
  if (!headers.has('x-request-id')) return `no x-request-id: ${status} ${text}`;
  if (status === 200) {
    const vector = (json as { data?: { embedding?: unknown[] }[] } | undefined)?.data?.[0]?.embedding;
    return vector?.length === 512 && headers.has('x-mizan-record') ? null : `not an embedding with a record: ${text}`;
  }
  if (typeof error?.message !== 'string' || typeof error.type !== 'string' || typeof error.code !== 'string') return `not an error object: ${status} ${text}`;
  const kind = (errorCodes as Record<string, keyof typeof httpStatus>)[error.code];
  return kind !== undefined && httpStatus[kind] === status ? null : `${error.code} is not ${status}: ${text}`;
}
