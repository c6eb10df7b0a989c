import { getAddress } from 'ethers';
import { formatNanos } from '#kernel';
import { evmAddress, paymentRequirements } from '#protocol';
import type { PaymentRequirements } from '#protocol';
import { nanosOf } from './purchase.js';

/** What a machine's wallet can pay with. */
export interface PayableAsset {
  readonly decimals: number;
  /** Whether the token takes signed transfers. */
  readonly eip3009: boolean;
  /** Schemes by which Permit2 may take it: its proxy is on the chain and the wallet has approved Permit2. */
  readonly permit2: { readonly exact: boolean; readonly upto: boolean };
}

export interface WayLimits {
  readonly network: string;
  /** By EIP-55 address. */
  readonly assets: ReadonlyMap<string, PayableAsset>;
  /** Who may be paid, EIP-55. */
  readonly isPayee: (address: string) => boolean;
  /** The most in nano-dollars, and what sets that limit. */
  readonly most: { readonly nanos: bigint; readonly by: string };
}

export interface Way {
  readonly wanted: PaymentRequirements;
  /** As the seller wrote it: it is sent back unchanged. */
  readonly verbatim: unknown;
  readonly method: 'eip3009' | 'permit2';
  readonly nanos: bigint;
}

/** `upto` takes what the work cost; an authorisation needs no contract between. */
const rank = ({ wanted, method }: Way): number => (wanted.scheme === 'upto' ? 0 : method === 'eip3009' ? 1 : 2);

/** The best of a seller's ways to be paid that is within the limits, or what speaks against each. */
export function chooseWay(accepts: readonly unknown[], limits: WayLimits): Way | { refused: string } {
  const judged = accepts.map((verbatim) => judge(verbatim, limits));
  const ways = judged.filter((one) => typeof one !== 'string');
  const best = ways.sort((a, b) => rank(a) - rank(b) || (a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0))[0];
  return best ?? { refused: [...new Set(judged.filter((one) => typeof one === 'string'))].join('; ') || 'it names no way to pay' };
}

function judge(verbatim: unknown, { network, assets, isPayee, most }: WayLimits): Way | string {
  const parsed = paymentRequirements.safeParse(verbatim);
  if (!parsed.success) return 'a way to pay that is not of this protocol, or of another kind of chain';
  const wanted = parsed.data;
  const { scheme, amount, extra } = wanted;
  if (scheme !== 'exact' && scheme !== 'upto') return `the scheme ${scheme}`;
  if (wanted.network !== network) return `the network ${wanted.network}, which is not allowed`;
  const asset = assets.get(getAddress(wanted.asset.toLowerCase()));
  if (asset === undefined) return `the asset ${wanted.asset}, which is not allowed`;
  if (!isPayee(getAddress(wanted.payTo.toLowerCase()))) return `payment to ${wanted.payTo}, which is not whom this seller was paid by before`;
  const nanos = nanosOf(BigInt(amount), asset.decimals);
  if (nanos > most.nanos) return `$${formatNanos(nanos)}, which is above the $${formatNanos(most.nanos)} of ${most.by}`;
  const way = (method: Way['method']): Way => ({ wanted, verbatim, method, nanos });
  if (scheme === 'upto') {
    if (!evmAddress.safeParse(extra?.['facilitatorAddress']).success) return 'upto without a facilitator';
    return asset.permit2.upto ? way('permit2') : 'Permit2, which this wallet has not approved or the chain does not have';
  }
  if (extra?.['assetTransferMethod'] === 'permit2') return asset.permit2.exact ? way('permit2') : 'Permit2, which this wallet has not approved or the chain does not have';
  if (typeof extra?.['name'] !== 'string' || typeof extra['version'] !== 'string') return "an authorisation without the token's name and version";
  return asset.eip3009 ? way('eip3009') : 'an authorisation that the token does not take';
}
