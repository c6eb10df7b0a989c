import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import type { Readable } from 'node:stream';
import { DomainError } from '#kernel';
import { errorCodes, failure, failureFromWire } from '#protocol';

/** Contents travel between gateway and scheduler over connections of their own. Large ones may take their time, silent ones may not. */
const over = (connections: number): Agent => new Agent({ connections, connect: { timeout: 5_000 }, headersTimeout: 120_000, bodyTimeout: 60_000 });

/**
 * A client's transfer goes at the client's pace, so each may hold one for long: 1,024 × a buffer of 64 KiB. Lines, at most 64 of which run
 * at once, and responses, which are held in memory, wait for no client.
 */
const agents = { files: over(1_024), lines: over(64), responses: over(256) } as const;
export type What = keyof typeof agents;

/** Reads from an address that the scheduler gave. Errors: the scheduler's, SERVICE_UNAVAILABLE. */
export async function fetchContent(url: string, what: What = 'files'): Promise<{ body: Readable; bytes: number | undefined }> {
  const answer = await ask(url, what, { method: 'GET' });
  const length = Number(answer.headers['content-length']);
  return { body: answer.body, bytes: Number.isFinite(length) ? length : undefined };
}

/** Sends to an address that the scheduler gave. Errors: the scheduler's, SERVICE_UNAVAILABLE, and the stream's own. */
export async function sendContent(url: string, body: Readable | Buffer, more: Readonly<Record<string, string>> = {}, what: What = 'files', signal?: AbortSignal): Promise<void> {
  await (await put(url, body, more, what, signal)).body.dump();
}

/** The same, and what is answered to it: JSON. Errors: the scheduler's, SERVICE_UNAVAILABLE. */
export async function sendForAnswer(url: string, body: Buffer, more: Readonly<Record<string, string>>, what: What): Promise<unknown> {
  const { body: answer } = await put(url, body, more, what);
  return answer.json().catch((error: unknown) => {
    throw failure('SERVICE_UNAVAILABLE', 'the answer broke off on its way', {}, error);
  });
}

function put(url: string, body: Readable | Buffer, more: Readonly<Record<string, string>>, what: What, signal?: AbortSignal): Promise<Dispatcher.ResponseData> {
  return ask(withQuery(url, more), what, { method: 'PUT', body, headers: { 'content-type': 'application/octet-stream' }, ...(signal && { signal }) });
}

export function withQuery(url: string, more: Readonly<Record<string, string>>): string {
  const address = new URL(url);
  for (const [name, value] of Object.entries(more)) address.searchParams.set(name, value);
  return address.href;
}

async function ask(url: string, what: What, options: { method: Dispatcher.HttpMethod; body?: Readable | Buffer; headers?: Record<string, string>; signal?: AbortSignal }): Promise<Dispatcher.ResponseData> {
  let answer: Dispatcher.ResponseData;
  try {
    answer = await request(url, { ...options, dispatcher: agents[what] });
  } catch (error) {
    throw error instanceof DomainError ? error : failure('SERVICE_UNAVAILABLE', 'the store of files cannot be reached; try again shortly', {}, error);
  }
  if (answer.statusCode < 300) return answer;
  const { code, message } = (await answer.body.json().catch(() => ({}))) as { code?: string; message?: string };
  throw code === undefined || !Object.hasOwn(errorCodes, code) ? failure('SERVICE_UNAVAILABLE', 'the store of files cannot serve this now; try again shortly') : failureFromWire(code, message ?? code, {});
}
