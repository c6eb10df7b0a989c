import { isDomainError } from '#kernel';
import type { DomainError } from '#kernel';
import { failure } from '#protocol';

/** Codes of ethers and Node that mean that the endpoint did not answer as an endpoint does. */
const unreachable = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'TIMEOUT', 'SERVER_ERROR', 'NETWORK_ERROR', 'BAD_DATA', 'UND_ERR_SOCKET']);

/** What nodes say when they do not (or not yet) hold the state of a block: not an answer about the chain. */
const stateMissing = /BlockOutOfRange|missing trie node|header not found|unknown block|state .{0,80}(not available|is pruned)/i;

/** What endpoints say when they have had enough questions or took too long: not an answer about the chain either. */
const endpointBusy = /\b(rate|request|quota|capacity|throughput|compute units?)\b.{0,40}\b(limit|exceeded)|too many requests|timed out|timeout|overloaded|temporarily unavailable/i;
/** EIP-1474's "limit exceeded", and what others took from HTTP. */
const busyCodes: readonly unknown[] = [-32_005, 429];

/** JSON-RPC's "method not found" and EIP-1474's "method not supported". */
const methodMissingCodes: readonly unknown[] = [-32_601, -32_004];
const methodMissing = /\bmethod\b.{0,80}\b(does not exist|not found|not (available|supported|allowed|enabled|implemented|whitelisted))|\b(unsupported|unknown|invalid) (rpc )?method\b/i;

/** What nodes say of bytes that they have, or have had another of that nonce of. */
const knownMessage = /\balready ?(known|imported)\b|\bnonce too low\b|\bknown transaction\b/i;

interface RpcError {
  readonly code?: unknown;
  readonly message?: string;
  readonly shortMessage?: string;
  readonly revert?: { readonly name: string } | null;
  readonly error?: { readonly code?: number; readonly message?: string };
  readonly info?: { readonly error?: { readonly code?: number; readonly message?: string } };
}

/** What the node itself said, below what ethers made of it. */
export function nodeMessage(error: unknown): string {
  const { info, error: inner, shortMessage, message } = error as RpcError;
  return info?.error?.message ?? inner?.message ?? shortMessage ?? message ?? String(error);
}

/** The name of the contract's own error that made a call fail, or null. */
export function revertName(error: unknown): string | null {
  return (error as RpcError).revert?.name ?? null;
}

/** Whether a node said of bytes that were sent to it that it has them, or that their nonce is used. */
export const isKnownMessage = (message: string): boolean => knownMessage.test(message);

/** The code that the node itself gave, below what ethers made of it. */
const nodeCode = ({ code, info, error: inner }: RpcError): unknown => info?.error?.code ?? inner?.code ?? code;

/** Whether a node said that it does not have the method that it was asked for. */
export const isMethodMissing = (error: unknown): boolean => methodMissingCodes.includes(nodeCode(error as RpcError)) || methodMissing.test(nodeMessage(error));

export function isUnreachable(error: unknown): boolean {
  const { code } = error as RpcError;
  const said = nodeMessage(error);
  return (typeof code === 'string' && unreachable.has(code)) || busyCodes.includes(nodeCode(error as RpcError)) || stateMissing.test(said) || (endpointBusy.test(said) && !/revert/i.test(said));
}

/** CHAIN_UNAVAILABLE (nobody answered) or CHAIN_REJECTED (the chain said no; `details.revert` is the contract's error). */
export function chainFailure(error: unknown): DomainError {
  if (isDomainError(error)) return error;
  if (isUnreachable(error)) return failure('CHAIN_UNAVAILABLE', 'the chain does not answer; try again when its endpoint is back', {}, error);
  const revert = revertName(error);
  return failure('CHAIN_REJECTED', `the chain refused: ${revert ?? nodeMessage(error)}`, revert === null ? {} : { revert }, error);
}

/** Runs a question to the chain. Errors: CHAIN_UNAVAILABLE, CHAIN_REJECTED. */
export async function reaching<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw chainFailure(error);
  }
}
