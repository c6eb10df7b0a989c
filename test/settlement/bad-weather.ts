import type { RpcProxy, RpcQuestion } from '#testing';
import type { TickingChain } from './ticking-chain.js';

type Twist = NonNullable<RpcProxy['twist']>;

/** What the chain and its endpoints do to those who rely on them. */
export interface Weather {
  readonly name: string;
  /** Begins before a process is killed. */
  begin(endpoints: readonly RpcProxy[], chain: TickingChain): Promise<void>;
  /** While the process is away. */
  strike?(chain: TickingChain): Promise<void>;
  /** It ends by itself: while it lasts nothing may come to the step. */
  readonly lastsMs?: number;
}

export const calm: Weather = { name: 'calm', begin: () => Promise.resolve() };
export const reorganisation = (depth: number): Weather => ({ name: `a reorganisation of ${depth}`, begin: () => Promise.resolve(), strike: (chain) => chain.reorganise(depth) });
export const restart: Weather = { name: 'a restart of the chain', begin: () => Promise.resolve(), strike: (chain) => chain.restart() };
export const lostPool: Weather = { name: 'a lost pool', begin: (_endpoints, chain) => chain.losePool(), strike: (chain) => chain.losePool() };

const endpointThat = (name: string, does: (endpoint: RpcProxy) => void): Weather => ({
  name: `an endpoint that ${name}`,
  begin: ([first]) => {
    does(first!);
    return Promise.resolve();
  },
});
const lying = (name: string, twist: Twist): Weather => endpointThat(name, (endpoint) => (endpoint.twist = twist));

const some = `0x${'de'.repeat(32)}`;
const object = (value: unknown): Record<string, unknown> => (value ?? {}) as Record<string, unknown>;
const of = (method: string, say: (result: unknown, question: RpcQuestion) => unknown): Twist => (question, result) => (question.method === method ? say(result, question) : undefined);

export const lies: readonly Weather[] = [
  lying('calls final what is not', of('eth_getBlockByNumber', (result, { params }) => (params[0] === 'finalized' ? { ...object(result), number: '0xffffff' } : undefined))),
  lying('gives blocks other hashes', of('eth_getBlockByNumber', (result) => ({ ...object(result), hash: some }))),
  lying('has seen no transaction', of('eth_getTransactionReceipt', () => null)),
  lying('says that what was mined failed', of('eth_getTransactionReceipt', (result) => (result === null ? undefined : { ...object(result), status: '0x0', blockHash: some }))),
  lying('counts no transactions', of('eth_getTransactionCount', () => '0x0')),
  lying('counts too many transactions', of('eth_getTransactionCount', () => '0xffffff')),
  lying('hides events', of('eth_getLogs', () => [])),
  lying('doubles events', of('eth_getLogs', (result) => [...(result as unknown[]), ...(result as unknown[])])),
  lying('reads zeros', of('eth_call', (result) => (typeof result === 'string' ? `0x${'0'.repeat(result.length - 2)}` : undefined))),
  lying('estimates too little', of('eth_estimateGas', () => '0x5208')),
  lying('takes bytes and forgets them', of('eth_sendRawTransaction', () => some)),
  lying('has forgotten all state', (question) => (['eth_call', 'eth_getBlockByNumber', 'eth_getLogs', 'eth_getTransactionReceipt'].includes(question.method) ? null : undefined)),
];

export const silent = endpointThat('is silent', (endpoint) => (endpoint.mode = 'silent'));
export const gone = endpointThat('closes connections', (endpoint) => (endpoint.mode = 'down'));
/** The transaction has gone on to the chain, and whoever sent it hears nothing. */
export const deafening: Weather = {
  name: 'endpoints that take bytes and give no answer',
  begin: (endpoints) => {
    for (const endpoint of endpoints) endpoint.twist = ({ method }) => {
      if (method === 'eth_sendRawTransaction') throw new Error('no answer');
      return undefined;
    };
    return Promise.resolve();
  },
};
/** One lies and one is silent: no two are left that could agree. */
export const noQuorum: Weather = {
  name: 'one endpoint that lies and one that is silent',
  begin: ([first, second]) => {
    first!.twist = of('eth_getTransactionReceipt', () => null);
    second!.mode = 'silent';
    return Promise.resolve();
  },
  lastsMs: 10_000,
};

/** Every sort, reorganisations of each depth to ten among them. */
export const allWeather: readonly Weather[] = [
  calm,
  ...Array.from({ length: 10 }, (_, at) => reorganisation(at + 1)),
  ...lies,
  silent,
  gone,
  deafening,
  noQuorum,
  lostPool,
  restart,
];

export function clear(endpoints: readonly RpcProxy[]): void {
  for (const endpoint of endpoints) Object.assign(endpoint, { twist: null, mode: 'up' });
}
