import Fastify from 'fastify';
import { addHealthRoutes } from './health-routes.js';
import type { Readiness } from './readiness.js';

export interface OperationsServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Health and metrics on a port of their own: what operators ask is not for callers. Error: the system's, when the port is taken. */
export async function serveOperations(readiness: Readiness, host: string, port: number): Promise<OperationsServer> {
  const server = Fastify({ forceCloseConnections: true });
  addHealthRoutes(server, readiness);
  const url = await server.listen({ host, port });
  return { url: url.replace('0.0.0.0', '127.0.0.1').replace('[::1]', '127.0.0.1').replace('[::]', '127.0.0.1'), close: () => server.close() };
}
