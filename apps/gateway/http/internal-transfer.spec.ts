import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fetchContent, sendContent } from './internal-transfer.js';

describe('transfers of contents', () => {
  let store: Server;
  let url: string;

  beforeAll(async () => {
    store = createServer((request, answer) => {
      if (request.method === 'GET') Readable.from(endless()).on('error', () => undefined).pipe(answer);
      else request.resume().on('end', () => answer.writeHead(204).end());
    });
    await new Promise<void>((resolve) => store.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(store.address() as AddressInfo).port}/`;
  });
  afterAll(() => {
    store.closeAllConnections();
    store.close();
  });

  it('of lines go on, and other files too, while many clients do not read theirs', async () => {
    const stalled = await Promise.all(Array.from({ length: 80 }, () => fetchContent(url)));
    const sent = [sendContent(url, Buffer.from('an answer'), { good: 'true' }, 'lines'), sendContent(url, Buffer.from('a file'))];
    await expect(Promise.all(sent)).resolves.toHaveLength(2);
    for (const { body } of stalled) body.on('error', () => undefined).destroy();
  });
});

/** One piece again and again: what waits for eighty clients is many times that. */
const piece = Buffer.alloc(64 * 1024);

function* endless(): Generator<Buffer> {
  for (;;) yield piece;
}
