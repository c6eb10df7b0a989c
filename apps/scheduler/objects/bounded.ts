import { failure } from '#protocol';

/** The same bytes. Error: BODY_TOO_LARGE as soon as there are more than `bytesMax`. */
export async function* bounded(source: AsyncIterable<Uint8Array>, bytesMax: number, what: 'file' | 'response' | 'answer'): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw failure('BODY_TOO_LARGE', `the ${what} has more than ${bytesMax} bytes`, { param: what });
    yield chunk;
  }
}

/** All of the bytes together. Error: BODY_TOO_LARGE. */
export async function wholeOf(source: AsyncIterable<Uint8Array>, bytesMax: number, what: 'file' | 'response' | 'answer'): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bounded(source, bytesMax, what)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
