import { setTimeout as pause } from 'node:timers/promises';
import { failure } from '#protocol';
import type { BackgroundState } from '#protocol';
import { patiently } from './patiently.js';
import { beforeLog, firstEvents, sentEvents, untoldEnd } from './sent-events.js';
import type { SentEvent } from './sent-events.js';

/** How soon events of a response that runs are looked for again. */
const lookMs = 250;

/** What is known of a response in the background. */
export interface Followed {
  /** As it was made. Error: NOT_FOUND. */
  queued(): Promise<Record<string, unknown>>;
  /** Undefined when it is none in the background. Error: NOT_FOUND. */
  state(): Promise<BackgroundState | undefined>;
  /** Events with higher numbers than `after`, or the first of them. */
  events(state: BackgroundState, after: number): Promise<Buffer>;
}

/**
 * The events of a response after number `after`, from its log, until its end, whoever runs it and for as long as that takes. Resolves when
 * it is there, though its next event may be long in coming. Errors: REQUEST_INVALID when it is none in the background, NOT_FOUND,
 * SERVICE_UNAVAILABLE.
 */
export async function followResponse(response: Followed, after: number, signal: AbortSignal): Promise<AsyncGenerator<Buffer>> {
  const state = await stateOf(response);
  const before = after < beforeLog ? firstEvents(await response.queued()).filter(({ number }) => number > after) : [];
  return eventsFrom(response, { state, before, after }, signal);
}

/** Holds what is read at once. Errors: NOT_FOUND, SERVICE_UNAVAILABLE, the signal's reason. */
async function* eventsFrom(response: Followed, begun: { state: BackgroundState; before: readonly SentEvent[]; after: number }, signal: AbortSignal): AsyncGenerator<Buffer> {
  for (const { bytes } of begun.before) yield bytes;
  for (let [state, at] = [begun.state, Math.max(begun.after, beforeLog)]; ; ) {
    signal.throwIfAborted();
    if (state.events > at + 1) {
      const known = state;
      const events = sentEvents(await patiently(() => response.events(known, at), signal)).filter(({ number }) => number > at);
      yield Buffer.concat(events.map(({ bytes }) => bytes));
      at = events.at(-1)?.number ?? at;
      // Pages follow each other without another look.
      if (events.length > 0 && state.events > at + 1) continue;
    } else if (state.isOver) {
      if (!state.isTold && state.events > at) yield untoldEnd(await response.queued(), state);
      return;
    } else await pause(lookMs, undefined, { signal }).catch(() => undefined);
    state = await patiently(() => stateOf(response), signal);
  }
}

async function stateOf(response: Followed): Promise<BackgroundState> {
  const state = await response.state();
  if (!state) throw failure('REQUEST_INVALID', 'only a response in the background can be streamed again', { param: 'stream' });
  return state;
}
