import { request } from 'undici';
import type { Dispatcher } from 'undici';
import { DomainError } from '#kernel';
import type { AllowList } from './allow-list.js';
import { outboundTarget, refused } from './outbound-target.js';

const redirectsMax = 3;

export interface FetchBounds {
  readonly bytesMax: number;
  /** For everything together, redirects included. */
  readonly timeoutMs: number;
  /** What the answer's content type must begin with. */
  readonly contentTypes: readonly string[];
  readonly signal?: AbortSignal;
}

export interface Fetched {
  readonly bytes: Buffer;
  /** Lower case, without parameters. */
  readonly contentType: string;
}

/** Gets what a URL of a stranger leads to, through a guarded agent; each hop is judged anew. Error: URL_REFUSED, which says nothing of what is inside. */
export async function boundedFetch(text: string, allowed: AllowList, agent: Dispatcher, bounds: FetchBounds): Promise<Fetched> {
  const timeout = AbortSignal.timeout(bounds.timeoutMs);
  const signal = bounds.signal ? AbortSignal.any([bounds.signal, timeout]) : timeout;
  let url = outboundTarget(text, allowed);
  try {
    for (let hops = 0; hops <= redirectsMax; hops += 1) {
      const answer = await request(url, { dispatcher: agent, signal, headers: { accept: bounds.contentTypes.join(', ') } });
      const location = answer.headers.location;
      if (answer.statusCode < 300 || answer.statusCode >= 400) return await read(answer, bounds);
      await answer.body.dump();
      if (typeof location !== 'string') throw refused('it redirects to nowhere');
      url = outboundTarget(new URL(location, url).href, allowed);
    }
    throw refused(`it redirects more than ${redirectsMax} times`);
  } catch (error) {
    throw told(error, timeout);
  }
}

async function read({ statusCode, headers, body }: Dispatcher.ResponseData, { bytesMax, contentTypes }: FetchBounds): Promise<Fetched> {
  const contentType = String(headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
  const wrong =
    (statusCode !== 200 && `its server answered ${statusCode}`) ||
    (!contentTypes.some((type) => contentType.startsWith(type)) && `it must be of type ${contentTypes.join(' or ')}`) ||
    (Number(headers['content-length'] ?? 0) > bytesMax && `it is larger than ${bytesMax} bytes`);
  if (wrong) {
    // What ends a body early is told as its error.
    body.on('error', () => undefined).destroy();
    throw refused(wrong);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw refused(`it is larger than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return { bytes: Buffer.concat(chunks), contentType };
}

/** Errors of the network say too much about what is behind it. */
function told(error: unknown, timeout: AbortSignal): DomainError {
  const known = [error, (error as { cause?: unknown } | null)?.cause].find((one) => one instanceof DomainError);
  if (known instanceof DomainError) return known;
  return refused(timeout.aborted ? 'its server took too long' : 'its server could not be reached', error);
}
