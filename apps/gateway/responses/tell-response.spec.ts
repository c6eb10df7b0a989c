import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { FastifyReply } from 'fastify';
import { failure } from '#protocol';
import { tellResponse } from './tell-response.js';

const id = '00000000-0000-7000-8000-00000000abcd';

/** What of a reply is needed to write to its connection. */
const replyOf = (raw: ServerResponse): FastifyReply => ({ raw, hijack: () => undefined, getHeaders: () => ({}) }) as never;

describe('telling a client the events of a response', () => {
  let server: Server | undefined;

  /** Gives the port on which these events are told. */
  async function serve(tell: (reply: FastifyReply) => Promise<void>): Promise<number> {
    const opened = createServer((_request, answer) => void tell(replyOf(answer)));
    server = opened;
    await new Promise<void>((resolve) => opened.listen(0, '127.0.0.1', resolve));
    return (opened.address() as AddressInfo).port;
  }
  afterEach(async () => {
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
  });

  it('begins before there is one: who goes on with a quiet response hears at once that it is there', async () => {
    let happen = (): void => undefined;
    const happened = new Promise<void>((resolve) => (happen = resolve));
    async function* late(): AsyncGenerator<Buffer> {
      await happened;
      yield Buffer.from('data: {}\n\n');
    }
    const port = await serve((reply) => tellResponse(id, () => Promise.resolve(late()), reply, { commentMs: 60_000, deadlineMs: 60_000 }));
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    expect([answer.status, answer.headers.get('x-mizan-record')]).toEqual([200, id]);
    happen();
    expect(await answer.text()).toBe('data: {}\n\n');
  });

  it('throws what is wrong before that, and sends nothing', async () => {
    let refused: unknown;
    const port = await serve(async (reply) => {
      await tellResponse(id, () => Promise.reject(failure('NOT_FOUND', 'there is no such response')), reply, { commentMs: 60_000, deadlineMs: 60_000 }).catch((error: unknown) => (refused = error));
      reply.raw.writeHead(404).end();
    });
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
    expect(refused).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('drops one that does not read by the deadline', async () => {
    async function* endless(signal: AbortSignal): AsyncGenerator<Buffer> {
      for (; ; signal.throwIfAborted()) yield Buffer.alloc(1024 * 1024, 'x');
    }
    const told = new Promise<void>((resolve, reject) => {
      void serve((reply) => tellResponse(id, (signal) => Promise.resolve(endless(signal)), reply, { commentMs: 60_000, deadlineMs: 500 }).then(resolve, reject)).then((port) => {
        const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'));
        socket.on('error', () => undefined).pause();
      });
    });
    await told;
  });
});
