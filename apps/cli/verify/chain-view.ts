import { Contract, FetchRequest, Interface, JsonRpcProvider, Network } from 'ethers';
import type { BlockTag, Log } from 'ethers';
import { escrowAbi } from '#protocol';

const escrowInterface = new Interface(escrowAbi);
const tokenInterface = new Interface(['function balanceOf(address) view returns (uint256)']);
const settledTopic = escrowInterface.getEvent('EpochSettled')!.topicHash;
/** Blocks of one question for logs: below every public endpoint's limit. */
const blocksPerQuestion = 1_000;
const requestMs = 10_000;

/** The root that a statement anchored, and where. */
export interface Anchor {
  readonly payer: string;
  readonly epoch: bigint;
  readonly units: bigint;
  readonly size: number;
  /** Hex without 0x. */
  readonly root: string;
  readonly tx: string;
  readonly block: number;
}

/** The escrow as anybody sees it over JSON-RPC. Amounts in units of the escrow. */
export class ChainView {
  private readonly provider: JsonRpcProvider;
  private readonly contract: Contract;

  constructor(
    rpcUrl: string,
    readonly chainId: bigint,
    readonly escrow: string,
  ) {
    const network = Network.from(chainId);
    const request = new FetchRequest(rpcUrl);
    request.timeout = requestMs;
    this.provider = new JsonRpcProvider(request, network, { staticNetwork: network, cacheTimeout: -1, batchMaxCount: 50 });
    this.contract = new Contract(escrow, escrowInterface, this.provider);
  }

  /** `latest` when the endpoint keeps no state of `block`. */
  async readableAt(block: number): Promise<BlockTag> {
    return this.read('unit', [], block).then(
      () => block,
      () => 'latest' as const,
    );
  }

  async payer(address: string, at: BlockTag): Promise<{ available: bigint; cumulativeTotal: bigint }> {
    const { available, cumulativeTotal } = (await this.read('payerOf', [address], at)) as { available: bigint; cumulativeTotal: bigint };
    return { available, cumulativeTotal };
  }

  /** Lower-case addresses of all payees, by index. */
  async payees(at: BlockTag): Promise<string[]> {
    const count = Number(await this.read('payeeCount', [], at));
    return Promise.all(Array.from({ length: count }, async (_, index) => ((await this.read('payeeAt', [index], at)) as { payee: string }).payee.toLowerCase()));
  }

  async credit(payer: string, index: number, at: BlockTag): Promise<{ cumulative: bigint; drawn: bigint }> {
    const { cumulative, drawn } = (await this.read('creditOf', [payer, index], at)) as { cumulative: bigint; drawn: bigint };
    return { cumulative, drawn };
  }

  /** What the escrow holds of its token, in base units, and base units per unit. */
  async holdings(at: BlockTag): Promise<{ baseUnits: bigint; unit: bigint }> {
    const token = new Contract((await this.read('token', [], at)) as string, tokenInterface, this.provider);
    const baseUnits = (await token.getFunction('balanceOf').staticCall(this.escrow, { blockTag: at })) as bigint;
    return { baseUnits, unit: (await this.read('unit', [], at)) as bigint };
  }

  /** Number of the newest block. */
  headBlock(): Promise<number> {
    return this.provider.getBlockNumber();
  }

  /** When a block was made, in Unix milliseconds. Error: the endpoint does not know it. */
  async timeOf(block: number): Promise<number> {
    const found = await this.provider.getBlock(block);
    if (found === null) throw new Error(`the chain's endpoint does not know block ${block}`);
    return found.timestamp * 1_000;
  }

  /** Every settled epoch since a block, in chain order. */
  async anchors(fromBlock: number): Promise<Anchor[]> {
    const anchors: Anchor[] = [];
    const head = await this.provider.getBlockNumber();
    for (let from = fromBlock; from <= head; from += blocksPerQuestion) {
      const logs = await this.provider.getLogs({ address: this.escrow, fromBlock: from, toBlock: Math.min(head, from + blocksPerQuestion - 1), topics: [settledTopic] });
      anchors.push(...logs.map(anchorOf));
    }
    return anchors;
  }

  /** What a transaction anchored; `undefined` when it settled no epoch of this escrow, or is not there. */
  async anchorIn(tx: string): Promise<Anchor | undefined> {
    const receipt = await this.provider.getTransactionReceipt(tx);
    const log = receipt?.logs.find(({ address, topics }) => address.toLowerCase() === this.escrow.toLowerCase() && topics[0] === settledTopic);
    return log && anchorOf(log);
  }

  close(): void {
    this.provider.destroy();
  }

  private read(method: string, parameters: unknown[], blockTag: BlockTag): Promise<unknown> {
    return this.contract.getFunction(method).staticCall(...parameters, { blockTag });
  }
}

function anchorOf(log: Log): Anchor {
  const { payer, epoch, units, auditRoot, auditSize } = escrowInterface.parseLog(log)!.args as unknown as { payer: string; epoch: bigint; units: bigint; auditRoot: string; auditSize: bigint };
  return { payer: payer.toLowerCase(), epoch, units, size: Number(auditSize), root: auditRoot.slice(2).toLowerCase(), tx: log.transactionHash, block: log.blockNumber };
}
