import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { testNats } from '#testing';
import { offerEntry } from '../../apps/gateway/examples.js';
import { eventually, GatewayStack } from '../../apps/gateway/gateway-harness.js';
import { chatBody, idleModel, model } from './answers.js';
import { HttpConnection, requestBytes } from './http-connection.js';
import type { Target } from './http-connection.js';
import { startPinned } from './pinned.js';
import type { Pinned } from './pinned.js';

const capacity = 100_000;
const program = (name: string): string => join(import.meta.dirname, name);

export interface Governed {
  readonly target: Target;
  readonly process: Pinned;
  readonly engine: Pinned;
  stop(): Promise<void>;
}

/**
 * The gateway as it is shipped, in a process of its own: real NATS, replicas, records and node; billing answers with leases from memory.
 * `nodeArgs` go to the gateway's Node.
 */
export async function startGoverned(directory: string, nodeArgs: readonly string[] = []): Promise<Governed> {
  const nats = await testNats();
  const stack = await GatewayStack.around(nats, {}, (environment) => startPinned(directory, { name: 'gateway', args: [...nodeArgs, join(import.meta.dirname, '../../apps/gateway/main.js')], env: environment as Record<string, string>, portVariable: 'HTTP_PORT', isMeasured: true }));
  const identity = generateKeyPairSync('ed25519');
  const { node } = offerEntry(1);
  const engine = await startPinned(directory, {
    name: 'engine-node',
    args: [program('engine-node.js')],
    env: { NATS_URL: nats.url, NODE_CREDS: await nats.nodeCredentials(node), NODE_ID: node, NODE_IDENTITY: identity.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string },
    isMeasured: false,
  });
  const publicKey = identity.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
  await stack.offer(1, { model, endpoints: ['chat.completions'], capacity, publicKey });
  await stack.offer(2, { node, model: idleModel, endpoints: ['chat.completions'], capacity, publicKey });
  const key = await stack.key('bench');
  const target = { name: 'gateway', port: stack.gateway.port, headers: { authorization: `Bearer ${key}` } };
  await isGoverned(stack, target);
  return {
    target,
    process: stack.gateway,
    engine,
    stop: async () => {
      await stack.stop();
      await engine.stop();
      await nats.stop();
    },
  };
}

/** The whole path runs, or there is nothing to measure: each of some requests is answered and leaves both of its records. */
async function isGoverned(stack: GatewayStack<Pinned>, target: Target): Promise<void> {
  const connection = await HttpConnection.open(target);
  const request = requestBytes(target, chatBody());
  const tries = 20;
  await eventually(async () => (await connection.send(request)) === 200);
  stack.records.length = 0;
  for (let n = 0; n < tries; n += 1) await connection.send(request);
  connection.close();
  const count = (type: string): number => stack.records.filter((record) => record.type === type).length;
  await eventually(() => count('admitted') >= tries && count('completed') >= tries);
  stack.forgetRecords();
}
