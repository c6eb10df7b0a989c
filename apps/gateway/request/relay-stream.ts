import { failure } from '#protocol';
import type { JobEnd } from '#wire';
import { attemptFailure, slotOutcome } from './attempt-failure.js';
import type { Dispatched, Opened } from './dispatch.js';
import type { InferenceJob } from './inference-job.js';
import { madeOfStream } from './made.js';
import type { StreamedJob } from './streamed-job.js';
import { isWithin } from './upper-bound.js';

/** Gives a machine's answer on as it comes. After the first byte nothing is tried again: an answer that breaks off is cut. Never throws. */
export async function relayStream(job: InferenceJob, { outlet }: StreamedJob, opened: Opened): Promise<Dispatched> {
  const { offer, slot, stream } = opened;
  outlet.begin(job.id);
  const failed = await pass(stream.output, (bytes) => outlet.write(bytes));
  const end = await stream.end.catch(() => undefined);
  const made = madeOfStream(job, stream.form, end);
  const error = failed ?? unbelieved(job, end);
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

async function pass(output: AsyncIterable<Buffer>, write: (bytes: Buffer) => Promise<void>): Promise<unknown> {
  try {
    for await (const bytes of output) await write(bytes);
    return undefined;
  } catch (error) {
    return error ?? new Error('the answer broke off');
  }
}

function unbelieved({ bound }: InferenceJob, end: JobEnd | undefined): unknown {
  return end !== undefined && isWithin(end.usage, bound) ? undefined : failure('NODE_PROTOCOL', 'the node claims more tokens than the request and its limits can hold');
}

/** What the client is told. Nothing that a node said is passed on. */
function brokenOff(error: unknown): Error {
  const { code } = attemptFailure(error);
  const told = 'the answer broke off; what came until then is charged';
  return code === 'DEADLINE_EXCEEDED' ? failure(code, told, {}, error) : failure('ENGINE_FAILED', told, {}, error);
}
