import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Witness } from './witness.js';

/** 63 proof lines and a checkpoint with 64 signatures take 16 KiB. */
const bodyBytesMax = 64 * 1024;
const requestMs = 10_000;

/** A witness on a port. `closed` resolves when the last answer is sent. */
export interface WitnessServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves `POST /add-checkpoint`, and with GET / the witness's verifier key. `report` hears one line for each answer. Error: the port is taken. */
export async function serveWitness(witness: Witness, verifierKey: string, at: { host: string; port: number }, report: (line: string) => void): Promise<WitnessServer> {
  const server = createServer({ requestTimeout: requestMs, headersTimeout: requestMs }, (request, response) => {
    void answer(witness, verifierKey, request)
      .catch((error: unknown) => ({ status: 500, body: 'the witness could not keep the checkpoint\n', contentType: 'text/plain; charset=utf-8', cause: error }))
      .then((reply) => {
        report(`${request.method} ${request.url} ${reply.status}${'cause' in reply ? `: ${String(reply.cause)}` : ''}`);
        response.writeHead(reply.status, { 'content-type': reply.contentType, 'cache-control': 'no-store' }).end(reply.body);
      });
  });
  await listening(server, at);
  const { port } = server.address() as AddressInfo;
  return { url: `http://${at.host.includes(':') ? `[${at.host}]` : at.host}:${port}`, close: () => closed(server) };
}

async function answer(witness: Witness, verifierKey: string, request: IncomingMessage): Promise<{ status: number; body: string; contentType: string }> {
  const plain = (status: number, body: string) => ({ status, body, contentType: 'text/plain; charset=utf-8' });
  if (request.url === '/' && request.method === 'GET') return plain(200, `${verifierKey}\n`);
  if (request.url !== '/add-checkpoint') return plain(404, 'there is add-checkpoint here\n');
  if (request.method !== 'POST') return plain(405, 'checkpoints are posted\n');
  const body = await bodyOf(request);
  return body === undefined ? plain(413, `at most ${bodyBytesMax} bytes\n`) : witness.addCheckpoint(body);
}

/** `undefined` when it is too long. */
async function bodyOf(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Read to its end, so that the answer is heard.
    if (bytes <= bodyBytesMax) chunks.push(chunk);
  }
  return bytes <= bodyBytesMax ? Buffer.concat(chunks) : undefined;
}

function listening(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
