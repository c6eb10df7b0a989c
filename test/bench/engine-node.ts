/** A node whose engine answers at once over the wire protocol, with receipts signed as any node's: the gateway's upstream. */
import { createPrivateKey } from 'node:crypto';
import { createServer } from 'node:http';
import { connect, credsAuthenticator } from '@nats-io/transport-node';
import { nodeSubjects } from '#protocol';
import { NodeServer } from '#wire';
import type { NodeJobInput, NodeJobOutput } from '#wire';
import { firstChunk, idleModel, streamedAnswer, usage, wholeAnswer } from './answers.js';

const env = (name: string): string => process.env[name] ?? '';
const node = env('NODE_ID');
const isStream = Buffer.from('"stream":true');
const wholeUsage = { inputTokens: 48, outputTokens: 88 };

function run({ body, model }: NodeJobInput, signal: AbortSignal): Promise<NodeJobOutput> {
  if (!body.includes(isStream)) return Promise.resolve({ status: 200, contentType: 'application/json', body: wholeAnswer, usage: wholeUsage });
  return Promise.resolve({ status: 200, contentType: 'text/event-stream', body: model === idleModel ? idle(signal) : streamedAnswer(), usage });
}

/** When streams were told to stop, in Unix milliseconds. */
const aborts: number[] = [];

async function* idle(signal: AbortSignal): AsyncGenerator<Buffer> {
  signal.addEventListener('abort', () => aborts.push(performance.timeOrigin + performance.now()), { once: true });
  yield firstChunk;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

const connection = await connect({ servers: env('NATS_URL'), authenticator: credsAuthenticator(Buffer.from(env('NODE_CREDS'))), inboxPrefix: nodeSubjects.inboxPrefix(node) });
NodeServer.connect(connection, { node, identity: createPrivateKey(env('NODE_IDENTITY')), handler: run, admit: () => undefined, keepReceipt: () => Promise.resolve() });
await connection.flush();
createServer(({ url }, response) => response.end(url === '/aborts' ? JSON.stringify(aborts) : 'up')).listen(Number(process.env['PORT']), '127.0.0.1');
