import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
import fastify from 'fastify';
import { RequestLog } from './request-log.js';

describe('the request log', () => {
  const server = fastify({ genReqId: () => 'the-record' });
  const lines: Record<string, unknown>[] = [];

  let url: string;
  const seen = async (count: number): Promise<void> => {
    for (let tries = 0; tries < 3_000 && lines.length < count; tries += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  };

  beforeAll(async () => {
    const keep = (line: unknown): void => void lines.push(line as Record<string, unknown>);
    Logger.overrideLogger({ log: keep, error: keep, warn: keep });
    new RequestLog({ httpAdapter: { getInstance: () => server } } as unknown as HttpAdapterHost);
    server.get('/v1/models/:id', () => 'ok');
    server.post('/v1/embeddings', (request, reply) => {
      request.failedWith = 'POLICY_DENIED';
      return reply.code(403).send('no');
    });
    url = await server.listen({ host: '127.0.0.1', port: 0 });
  });
  afterAll(() => server.close());

  it('has one line for each request, under the id of its record, with the code of what failed', async () => {
    await fetch(`${url}/v1/embeddings?prompt=hidden`, { method: 'POST', headers: { authorization: 'Bearer mzn_hidden', 'content-type': 'application/json' }, body: '{"input":"hidden"}' });
    await seen(1);
    await fetch(`${url}/v1/models/hidden`);
    await seen(2);
    expect(lines).toEqual([
      { msg: 'request', record: 'the-record', method: 'POST', route: '/v1/embeddings', status: 403, ms: expect.any(Number), code: 'POLICY_DENIED' },
      { msg: 'request', record: 'the-record', method: 'GET', route: '/v1/models/:id', status: 200, ms: expect.any(Number) },
    ]);
    expect(JSON.stringify(lines)).not.toContain('hidden');
  });
});
