import { FetchRequest } from 'ethers';
import type { JsonRpcError, JsonRpcPayload, JsonRpcResult } from 'ethers';
import type { Clock } from '#kernel';
import { isMethodMissing, isUnreachable } from './chain-failure.js';

export type RpcAnswer = JsonRpcResult | JsonRpcError;

/** Longest wait for one answer of an endpoint, in milliseconds. */
export const requestMs = 5_000;
/** One that did not answer is asked last for this long. */
const silentMs = 5_000;
/** One that said what the others deny is not asked for this long. */
const lyingMs = 60_000;

/** Something that ethers and {@link isUnreachable} take for an endpoint that did not answer. */
export const noAnswer = (message: string, cause?: unknown): Error => Object.assign(new Error(message, { cause }), { code: 'SERVER_ERROR' });

/** What nodes say of a transaction or a call that they do not take. Whole words: names of methods have "Fee" and "Gas" in them too. */
const verdictMessage = /revert|insufficient funds|nonce too|underpriced|\b(already ?known|known|fees?|gas|max(Priority)?FeePerGas|FeeTooLow\w*)\b/i;

/** Errors that say something of the chain; all others say that this endpoint cannot tell. */
const isVerdict = ({ error }: JsonRpcError): boolean => error.code === 3 || error.data !== undefined || verdictMessage.test(error.message ?? '');

/** Whether an answer says something of the chain. */
export const isSaid = (answer: RpcAnswer): boolean => !('error' in answer) || (isVerdict(answer) && !isUnreachable(answer.error) && !isMethodMissing(answer.error));

/** One JSON-RPC endpoint: proves its chain before it is believed, and rests after silence or a lie. */
export class Endpoint {
  /** Scheme and host: the rest of the address may be a credential. */
  readonly name: string;
  private readonly request: FetchRequest;
  private proved = false;
  private restsUntilMs = 0;
  private lies = false;

  constructor(
    url: string,
    private readonly chainId: bigint,
    private readonly clock: Clock,
    private readonly onAside: (name: string, reason: string) => void,
    timeoutMs = requestMs,
  ) {
    const { protocol, host } = new URL(url);
    this.name = `${protocol}//${host}`;
    this.request = new FetchRequest(url);
    this.request.timeout = timeoutMs;
    this.request.setHeader('content-type', 'application/json');
  }

  /** `lying` is not asked at all, `silent` only when there are too few others. */
  get standing(): 'good' | 'silent' | 'lying' {
    if (this.clock.monotonicMs() >= this.restsUntilMs) return 'good';
    return this.lies ? 'lying' : 'silent';
  }

  /** Its answer, which may be an error of the chain. Throws when it does not answer, cannot tell, or is another chain. */
  async ask(payload: JsonRpcPayload): Promise<RpcAnswer> {
    if (!this.proved) await this.prove();
    if (payload.method === 'eth_chainId') return { id: payload.id, result: `0x${this.chainId.toString(16)}` };
    return this.send(payload);
  }

  /** It said what a quorum of the others denies. */
  deny(reason: string): void {
    this.rest(lyingMs, true, reason);
  }

  private async prove(): Promise<void> {
    const answer = await this.send({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] });
    const id = 'error' in answer ? null : BigInt(answer.result as string);
    if (id !== this.chainId) {
      const reason = `is chain ${id ?? 'unknown'}, not ${this.chainId}`;
      this.deny(reason);
      throw noAnswer(`${this.name} ${reason}`);
    }
    this.proved = true;
  }

  private async send(payload: JsonRpcPayload): Promise<RpcAnswer> {
    try {
      const request = this.request.clone();
      request.body = JSON.stringify(payload);
      const response = await request.send();
      response.assertOk();
      const answer = response.bodyJson as RpcAnswer;
      if (typeof answer !== 'object' || answer === null || !('result' in answer || 'error' in answer)) throw noAnswer(`${this.name} did not answer in JSON-RPC`);
      this.restsUntilMs = 0;
      return answer;
    } catch (error) {
      this.rest(silentMs, false, 'does not answer');
      throw noAnswer(`${this.name} does not answer`, error);
    }
  }

  private rest(ms: number, lies: boolean, reason: string): void {
    if (this.standing === 'good') this.onAside(this.name, reason);
    this.restsUntilMs = this.clock.monotonicMs() + ms;
    this.lies = lies;
    this.proved = false;
  }
}
