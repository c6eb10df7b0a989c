import type { JsonRpcPayload } from 'ethers';
import type { RpcAnswer } from './endpoint.js';

/**
 * How the answers of several endpoints become one. `any`: one that takes it is enough. `equal`: a quorum says the same. `highest`: the
 * largest number that a quorum reaches. `final`, `head`: the newest block that a quorum has. `seen`: what a quorum has seen, or that it has seen nothing.
 */
export type AgreementRule = 'any' | 'equal' | 'highest' | 'final' | 'head' | 'seen';

const rules: Readonly<Record<string, AgreementRule>> = {
  eth_sendRawTransaction: 'any',
  eth_getTransactionCount: 'highest',
  eth_estimateGas: 'highest',
  eth_blockNumber: 'highest',
  eth_maxPriorityFeePerGas: 'highest',
  eth_gasPrice: 'highest',
  eth_getTransactionReceipt: 'seen',
  eth_getTransactionByHash: 'seen',
};

export function agreementRule({ method, params }: JsonRpcPayload): AgreementRule {
  if (method !== 'eth_getBlockByNumber') return rules[method] ?? 'equal';
  const tag = (params as unknown[])[0];
  return tag === 'finalized' || tag === 'safe' ? 'final' : tag === 'latest' || tag === 'pending' ? 'head' : 'equal';
}

const isBlockNumber = (tag: unknown): boolean => typeof tag === 'string' && /^0x[0-9a-f]+$/i.test(tag);

/** Whether a question is of one block for good: then two different answers are not both true. */
export function isPinned({ method, params }: JsonRpcPayload): boolean {
  const [first, second] = params as [unknown, unknown];
  if (method === 'eth_getBlockByNumber') return isBlockNumber(first);
  if (method === 'eth_getLogs') return isBlockNumber((first as { fromBlock?: unknown }).fromBlock) && isBlockNumber((first as { toBlock?: unknown }).toBlock);
  return method === 'eth_call' && isBlockNumber(second);
}

type Fields = Readonly<Record<string, unknown>>;
const some = (value: unknown, names: readonly string[]): unknown => (value === null ? null : names.map((name) => (value as Fields)[name]));

/** What must be equal in two answers; nodes differ in fields that they add. Nothing is too malformed to be compared. */
export function essence({ method }: JsonRpcPayload, answer: RpcAnswer): string {
  if ('error' in answer) return `error ${JSON.stringify(answer.error.data ?? answer.error.message)}`;
  try {
    return essenceOf(method, answer.result);
  } catch {
    return `malformed ${JSON.stringify(answer.result)}`;
  }
}

function essenceOf(method: string, result: unknown): string {
  switch (method) {
    case 'eth_getBlockByNumber':
      return JSON.stringify(some(result, ['number', 'hash']));
    case 'eth_getTransactionReceipt':
      return JSON.stringify(some(result, ['transactionHash', 'blockHash', 'status']));
    case 'eth_getTransactionByHash':
      return JSON.stringify(some(result, ['hash', 'blockHash']));
    case 'eth_getLogs':
      return JSON.stringify((result as unknown[]).map((log) => some(log, ['address', 'topics', 'data', 'blockHash', 'transactionHash', 'logIndex']))).toLowerCase();
    default:
      return JSON.stringify(result).toLowerCase();
  }
}

/** The number in an answer, or in the block that it is; null if there is none. */
export function numberIn(answer: RpcAnswer): bigint | null {
  if ('error' in answer || answer.result === null) return null;
  const result = answer.result as string | { number?: string };
  const text = typeof result === 'string' ? result : result.number;
  return typeof text === 'string' && isBlockNumber(text) ? BigInt(text) : null;
}

/** More than half. */
export const majorityOf = (endpoints: number): number => Math.floor(endpoints / 2) + 1;
