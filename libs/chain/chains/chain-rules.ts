/** From which block on nothing is taken back. */
export type FinalityRule =
  /** The node's own tag. `aboutMs`: how long after it was mined a block usually is final. */
  | { readonly by: 'tag'; readonly aboutMs: number }
  /** So many blocks on top: for chains whose nodes do not serve the tag, or not so that it is known to be right. */
  | { readonly by: 'depth'; readonly blocks: number };

/** What a transaction costs beside gas × base fee. */
export interface FeeRules {
  /** Nodes refuse less, in wei; 0: none known. */
  readonly tipWeiMin: bigint;
  /** Nodes refuse a `maxFeePerGas` below this, in wei; 0: none known. */
  readonly feeWeiMin: bigint;
  /** `op-stack`: a fee for data on the parent chain comes on top of the gas limit. `estimate`: it is gas, and in the node's estimate. */
  readonly dataFee: 'none' | 'op-stack' | 'estimate';
}

export interface ChainToken {
  readonly symbol: string;
  /** EIP-55. */
  readonly address: string;
  readonly decimals: number;
  /** Issued by a bridge and not by the issuer itself: often without EIP-3009, or with another signing domain. */
  readonly bridged: boolean;
}

/** What settlement must know of a chain. A deployment may use a chain that is not here, by its id, under {@link cautiousRules}. */
export interface ChainRules {
  readonly name: string;
  readonly id: bigint;
  /** The coin that pays gas; 18 decimals on all of them. */
  readonly coin: string;
  readonly blockMs: number;
  readonly finality: FinalityRule;
  readonly fees: FeeRules;
  readonly tokens: readonly ChainToken[];
  /** Test money may be deployed: the chain is nobody's but the machine's. */
  readonly local: boolean;
  /** What was not confirmed by the chain's own documents when this was written, in words; a deployment there checks it first. */
  readonly unconfirmed: readonly string[];
}

export const noDataFee: FeeRules = { tipWeiMin: 0n, feeWeiMin: 0n, dataFee: 'none' };
