import { failure } from '#protocol';
import type { JobEnd } from '#wire';
import { attemptFailure, slotOutcome } from './attempt-failure.js';
import type { Dispatched, Opened } from './dispatch.js';
import type { InferenceJob } from './inference-job.js';
import { madeOfStream } from './made.js';
import type { StreamOutlet, StreamedJob } from './streamed-job.js';
import { TimedWrites } from './timed-writes.js';
import { isWithin } from './upper-bound.js';

/**
 * Gives a machine's answer on as it comes. After the first byte nothing is tried again: an answer that breaks off is cut. A client that
 * does not read is waited for no longer than `withinMs`, the time that the stream may last. Never throws.
 */
export async function relayStream(job: InferenceJob, { outlet }: StreamedJob, opened: Opened, withinMs: number): Promise<Dispatched> {
  const { offer, slot, stream } = opened;
  outlet.begin(job.id);
  const failed = await pass(stream.output, outlet, withinMs);
  const end = await stream.end.catch(() => undefined);
  const made = madeOfStream(job, stream.form, end);
  // A machine that was told to stop may have no last word.
  const error = failed ?? (stream.form.isStopped ? undefined : unbelieved(job, end));
  const attempt = { offer: offer.id, node: offer.entry.node };
  if (error === undefined && made !== null) {
    slot.done('ok');
    return { outcome: 'ok', offer, made, answer: streamed, attempts: [...opened.attempts, { ...attempt, outcome: 'ok' }] };
  }
  if (job.signal.aborted) {
    slot.done('cancelled');
    return { outcome: 'cancelled', offer, made, error, attempts: [...opened.attempts, { ...attempt, outcome: 'ok' }] };
  }
  slot.done(slotOutcome(error));
  return { outcome: 'cut', offer, made, error: brokenOff(error), attempts: [...opened.attempts, { ...attempt, ...attemptFailure(error) }] };
}

/** The client has it already. */
const streamed = { status: 200, contentType: 'text/event-stream', body: Buffer.alloc(0), engineBody: Buffer.alloc(0) };

async function pass(output: AsyncIterable<Buffer>, outlet: StreamOutlet, withinMs: number): Promise<unknown> {
  const writes = new TimedWrites(outlet, withinMs);
  try {
    for await (const bytes of output) await writes.write(bytes);
    return undefined;
  } catch (error) {
    return error ?? new Error('the answer broke off');
  } finally {
    writes.end();
  }
}

function unbelieved({ bound }: InferenceJob, end: JobEnd | undefined): unknown {
  return end !== undefined && isWithin(end.usage, bound) ? undefined : failure('NODE_PROTOCOL', 'the node claims more than the request and its limits can hold');
}

/** What the client is told. Nothing that a node said is passed on. */
function brokenOff(error: unknown): Error {
  const { code } = attemptFailure(error);
  const told = 'the answer broke off; what came until then is charged';
  return code === 'DEADLINE_EXCEEDED' ? failure(code, told, {}, error) : failure('ENGINE_FAILED', told, {}, error);
}
