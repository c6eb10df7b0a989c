import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HealthServer {
  readonly port: number;
  close(): void;
}

/** `/healthz` (the process lives) and `/readyz` (it is connected and takes jobs), on loopback. */
export async function serveHealth(port: number, isReady: () => boolean): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const known = request.url === '/healthz' || request.url === '/readyz';
    const ready = request.url === '/healthz' || isReady();
    response.writeHead(known ? (ready ? 200 : 503) : 404, { 'content-type': 'application/json' }).end(JSON.stringify({ ready: known && ready }));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}
