import { LinkedAbort } from '#kernel';
import { EventReader, failure } from '#protocol';
import type { JobEnd, JobRequest, JobStream } from '#wire';
import { ownJoined } from './own-bytes.js';
import type { StreamForm } from './streamed-job.js';

/** A machine's answer from its first event on. */
export interface OpenedStream {
  readonly form: StreamForm;
  /** What the client gets, the first event included. Errors: those of the node, ENGINE_FAILED, the signal's reason. */
  readonly output: AsyncIterable<Buffer>;
  readonly end: Promise<JobEnd>;
}

/**
 * Asks a machine and waits for its first event, until which another one may be asked instead. Errors: those of the node; ENGINE_FAILED when
 * none comes within `firstEventMs`, NODE_PROTOCOL when the answer is no stream.
 */
export async function openStream(nodes: { stream(request: JobRequest): Promise<JobStream> }, request: JobRequest, form: StreamForm, firstEventMs: number): Promise<OpenedStream> {
  const attempt = new LinkedAbort(request.signal);
  const timer = setTimeout(() => attempt.abort(failure('ENGINE_FAILED', `the machine gave no first token within ${firstEventMs} ms`)), firstEventMs);
  try {
    const stream = await nodes.stream({ ...request, signal: attempt.signal });
    if (!stream.contentType.startsWith('text/event-stream')) throw failure('NODE_PROTOCOL', 'the machine does not stream');
    const events = shaped(stream.body, form);
    const first = await events.next();
    if (first.done === true) throw failure('ENGINE_FAILED', 'the machine answered nothing');
    return { form, end: stream.end, output: after(first.value, events) };
  } catch (error) {
    attempt.abort(error);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Each piece as the client gets it: what arrived together leaves together. */
async function* shaped(body: AsyncIterable<Buffer>, form: StreamForm): AsyncGenerator<Buffer, void, undefined> {
  const reader = new EventReader();
  for await (const chunk of body) {
    const { bytes, failed } = shape(reader.take(chunk), form);
    if (bytes.length > 0) yield bytes;
    if (failed !== undefined) throw failed;
    if (form.isStopped) return;
  }
  const last = reader.end();
  const { bytes, failed } = shape(last === undefined ? [] : [last], form);
  if (bytes.length > 0) yield bytes;
  if (failed !== undefined) throw failed;
  if (!form.isWhole) throw failure('ENGINE_FAILED', 'the answer stopped before its end');
}

/** What can be given of some events, and what is wrong with the one after. */
function shape(events: Iterable<{ readonly data: Buffer }>, form: StreamForm): { bytes: Buffer; failed: Error | undefined } {
  const given: Buffer[] = [];
  let failed: Error | undefined;
  try {
    for (const { data } of events) {
      const bytes = form.take(data);
      if (bytes !== undefined) given.push(bytes);
    }
  } catch (error) {
    failed = error instanceof Error ? error : new Error(String(error));
  }
  return { bytes: ownJoined(given), failed };
}

/** What came first, then the rest. By hand: a generator around another costs each piece three turns, and an open stream its frame. */
function after(first: Buffer, rest: AsyncGenerator<Buffer, void, undefined>): AsyncIterable<Buffer> {
  let untaken: Buffer | undefined = first;
  const next = (): Promise<IteratorResult<Buffer, void>> => {
    if (untaken === undefined) return rest.next();
    const value = untaken;
    untaken = undefined;
    return Promise.resolve({ done: false, value });
  };
  return { [Symbol.asyncIterator]: () => ({ next, return: () => rest.return() }) };
}
