import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RpcQuestion {
  readonly id: unknown;
  readonly method: string;
  readonly params: readonly unknown[];
}

/** A node of another kind: what it says of a method that it does not have. */
export const lacks =
  (method: string) =>
  (question: RpcQuestion): { code: number; message: string } | undefined =>
    question.method === method ? { code: -32_601, message: `the method ${method} does not exist/is not available` } : undefined;

export interface RpcProxy {
  readonly url: string;
  /** What is said instead of the chain's own result; `undefined` lets it pass. Nothing is twisted when it is null. */
  twist: ((question: RpcQuestion, result: unknown) => unknown) | null;
  /** The error that is answered instead of the chain's result; `undefined` lets it pass. A question that is refused does not reach the chain. */
  refuse: ((question: RpcQuestion) => { code: number; message: string } | undefined) | null;
  /** `silent` takes questions and never answers; `down` closes the connection. */
  mode: 'up' | 'silent' | 'down';
  /** Called before a question goes on to the chain, and after its answer has come but is not given yet. */
  watch: ((question: RpcQuestion, moment: 'before' | 'after') => unknown) | null;
  readonly asked: RpcQuestion[];
  stop(): Promise<void>;
}

/** An endpoint that stands before a real chain and can lie, forget, be silent, or be gone. `target` may change when the chain restarts. */
export async function startRpcProxy(target: () => string): Promise<RpcProxy> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => void answer(Buffer.concat(chunks), response).catch(() => response.destroy()));
  });
  const proxy: RpcProxy = {
    url: '',
    twist: null,
    refuse: null,
    mode: 'up',
    watch: null,
    asked: [],
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function answer(body: Buffer, response: ServerResponse): Promise<void> {
    if (proxy.mode === 'silent') return;
    if (proxy.mode === 'down') return void response.destroy();
    const question = JSON.parse(body.toString('utf8')) as RpcQuestion;
    proxy.asked.push(question);
    const error = proxy.refuse?.(question);
    if (error !== undefined) return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: question.id, error }));
    await proxy.watch?.(question, 'before');
    const said = await fetch(target(), { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: AbortSignal.timeout(10_000) });
    let text = await said.text();
    await proxy.watch?.(question, 'after');
    const told = JSON.parse(text) as { result?: unknown };
    const twisted = proxy.twist?.(question, told.result);
    if (twisted !== undefined) text = JSON.stringify({ jsonrpc: '2.0', id: question.id, result: twisted });
    response.writeHead(200, { 'content-type': 'application/json' }).end(text);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(proxy, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}
