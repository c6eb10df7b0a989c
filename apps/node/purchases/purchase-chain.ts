import { getAddress } from 'ethers';
import type { JsonRpcProvider } from 'ethers';
import { isDomainError } from '#kernel';
import { connect, finalBlock, permit2Address, reaching, requireChain, rulesOf, x402Interface, x402Proxies } from '#chain';
import { failure } from '#protocol';
import type { PayableAsset } from './choose-way.js';
import type { Purchase } from './purchase.js';
import { permit2Place } from './sign-payment.js';

/** The chain that a machine pays on, as far as it looks. Every method's error: CHAIN_UNAVAILABLE. */
export class PurchaseChain {
  private constructor(
    private readonly provider: JsonRpcProvider,
    private readonly chainId: bigint,
    private readonly payer: string,
  ) {}

  /** `network`: CAIP-2. Errors: REQUEST_INVALID, CHAIN_UNAVAILABLE, CHAIN_REJECTED (another chain). */
  static async open(rpcUrl: string, network: string, payer: string): Promise<PurchaseChain> {
    const chainId = /^eip155:(\d{1,19})$/.exec(network)?.[1];
    if (chainId === undefined) throw failure('REQUEST_INVALID', `--x402-assets: ${network} is no EVM chain, as eip155:8453`);
    const provider = connect(rpcUrl, BigInt(chainId));
    try {
      await requireChain(provider, BigInt(chainId));
      return new PurchaseChain(provider, BigInt(chainId), payer);
    } catch (error) {
      provider.destroy();
      throw error;
    }
  }

  close(): void {
    this.provider.destroy();
  }

  /** Errors: REQUEST_INVALID when no token stands there, CHAIN_UNAVAILABLE. */
  async asset(address: string): Promise<PayableAsset> {
    const [decimals, used, allowance, exact, upto] = await Promise.all([
      this.read<bigint>(address, 'decimals', []),
      this.read<boolean>(address, 'authorizationState', [this.payer, `0x${'00'.repeat(32)}`]),
      this.read<bigint>(address, 'allowance', [this.payer, permit2Address]),
      this.hasCode(x402Proxies.exact),
      this.hasCode(x402Proxies.upto),
    ]);
    if (decimals === undefined) throw failure('REQUEST_INVALID', `--x402-assets: no token stands at ${address} on chain ${this.chainId}`);
    const isApproved = (allowance ?? 0n) > 0n && (await this.hasCode(permit2Address));
    return { decimals: Number(decimals), eip3009: used !== undefined, permit2: { exact: isApproved && exact, upto: isApproved && upto } };
  }

  /** Whether a payment was taken, or can no longer be; null: neither yet. What is taken counts at once, what is not only when that is final. */
  async fate({ method, asset, nonce, validBefore }: Pick<Purchase, 'method' | 'asset' | 'nonce' | 'validBefore'>): Promise<'paid' | 'lapsed' | null> {
    const used = async (blockTag: number | 'latest'): Promise<boolean> => {
      if (method === 'eip3009') return (await this.must<boolean>(asset, 'authorizationState', [this.payer, nonce], blockTag));
      const { word, bit } = permit2Place(nonce);
      return (((await this.must<bigint>(permit2Address, 'nonceBitmap', [this.payer, word], blockTag)) >> bit) & 1n) === 1n;
    };
    if (await used('latest')) return 'paid';
    const final = await finalBlock(this.provider, rulesOf(this.chainId).finality);
    if (final.timestamp <= validBefore) return null;
    return (await used(final.number)) ? 'paid' : 'lapsed';
  }

  /** What each transfer of one transaction moved from the wallet to the payee, if that is the payment's; empty: it is not, or there is no such transaction. */
  async moved(tx: string, { method, asset, payTo, nonce }: Pick<Purchase, 'method' | 'asset' | 'payTo' | 'nonce'>): Promise<bigint[]> {
    const receipt = await reaching(() => this.provider.getTransactionReceipt(tx));
    if (receipt?.status !== 1) return [];
    const events = receipt.logs.filter(({ address }) => getAddress(address) === getAddress(asset)).map((log) => x402Interface.parseLog(log));
    const isOurs = method === 'permit2' || events.some((event) => event?.name === 'AuthorizationUsed' && event.args[0] === getAddress(this.payer) && event.args[1] === nonce);
    return isOurs ? events.flatMap((event) => (event?.name === 'Transfer' && event.args[0] === getAddress(this.payer) && event.args[1] === getAddress(payTo) ? [event.args[2] as bigint] : [])) : [];
  }

  private async hasCode(address: string): Promise<boolean> {
    return (await reaching(() => this.provider.getCode(address))) !== '0x';
  }

  /** A view of a contract; undefined where it has none such. */
  private async read<T>(target: string, name: string, args: readonly unknown[]): Promise<T | undefined> {
    try {
      return await this.must<T>(target, name, args, 'latest');
    } catch (error) {
      if (isDomainError(error, 'CHAIN_UNAVAILABLE')) throw error;
      return undefined;
    }
  }

  private async must<T>(target: string, name: string, args: readonly unknown[], blockTag: number | 'latest'): Promise<T> {
    const data = await reaching(() => this.provider.call({ to: target, data: x402Interface.encodeFunctionData(name, args), blockTag }));
    return x402Interface.decodeFunctionResult(name, data)[0] as T;
  }
}
