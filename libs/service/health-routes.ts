import type { FastifyInstance } from 'fastify';
import { register } from 'prom-client';
import { Readiness } from './readiness.js';

/** `/healthz` (the process lives), `/readyz` (it can do its work), `/metrics` (Prometheus text). */
export function addHealthRoutes(fastify: FastifyInstance, readiness: Readiness): void {
  fastify.get('/healthz', () => ({ status: 'ok' }));
  fastify.get('/readyz', async (_request, reply) => {
    const report = await readiness.report();
    return reply.code(report.ready ? 200 : 503).send(report);
  });
  fastify.get('/metrics', async (_request, reply) => reply.type(register.contentType).send(await register.metrics()));
}
