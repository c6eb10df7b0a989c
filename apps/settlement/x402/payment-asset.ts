import { getAddress } from 'ethers';
import type { Log } from 'ethers';
import { isDomainError } from '#kernel';
import { permit2Address, x402Interface, x402Proxies } from '#chain';
import type { AssetFacts, TokenDomain } from '#chain';
import type { ChainLink } from '../chain/chain-link.js';

/** What is on a chain may be put there later: looked at again after this long. */
const keepMs = 60_000;

/** The escrow's token as payers meet it. Every method's errors: CHAIN_UNAVAILABLE. */
export class PaymentAsset {
  private known: { readonly facts: Promise<AssetFacts>; readonly untilMs: number } | undefined;

  constructor(
    private readonly chain: ChainLink,
    private readonly nowMs: () => number,
  ) {}

  /** Whoever asks while it is looked up waits for the same look. */
  facts(): Promise<AssetFacts> {
    if (this.known && this.known.untilMs > this.nowMs()) return this.known.facts;
    const known = { facts: this.look(), untilMs: this.nowMs() + keepMs };
    this.known = known;
    known.facts.catch(() => this.known === known && (this.known = undefined));
    return known.facts;
  }

  private async look(): Promise<AssetFacts> {
    const address = getAddress((await this.chain.constants()).token);
    const [domain, used, permit2, exact, upto] = await Promise.all([
      this.domain(address),
      this.read(address, 'authorizationState', [address, `0x${'00'.repeat(32)}`]),
      this.chain.hasCode(permit2Address),
      this.chain.hasCode(x402Proxies.exact),
      this.chain.hasCode(x402Proxies.upto),
    ]);
    return { address, domain: domain ?? { name: '', version: '' }, eip3009: domain !== undefined && used !== undefined, permit2: { exact: permit2 && exact, upto: permit2 && upto } };
  }

  /** A view of a contract; `undefined` where it has no such function. */
  async read<T>(target: string, name: string, args: readonly unknown[]): Promise<T | undefined> {
    try {
      return x402Interface.decodeFunctionResult(name, await this.chain.call(target, x402Interface.encodeFunctionData(name, args)))[0] as T;
    } catch (error) {
      if (isDomainError(error, 'CHAIN_UNAVAILABLE')) throw error;
      return undefined;
    }
  }

  /** By ERC-5267; older tokens only say their name and version. */
  private async domain(asset: string): Promise<TokenDomain | undefined> {
    try {
      const [, name, version] = x402Interface.decodeFunctionResult('eip712Domain', await this.chain.call(asset, x402Interface.encodeFunctionData('eip712Domain'))) as unknown as [string, string, string];
      return { name, version };
    } catch (error) {
      if (isDomainError(error, 'CHAIN_UNAVAILABLE')) throw error;
    }
    const [name, version] = await Promise.all([this.read<string>(asset, 'name', []), this.read<string>(asset, 'version', [])]);
    return name === undefined || version === undefined ? undefined : { name, version };
  }
}

interface Moved {
  readonly asset: string;
  readonly from: string;
  readonly to: string;
  readonly amount: bigint;
}

/** Whether a log is of the transfer that moves the money. */
export function isTransfer(log: Log, { asset, from, to, amount }: Moved): boolean {
  if (getAddress(log.address) !== getAddress(asset)) return false;
  const event = x402Interface.parseLog(log);
  return event?.name === 'Transfer' && event.args[0] === getAddress(from) && event.args[1] === getAddress(to) && event.args[2] === amount;
}
