import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { PlacedEvent } from '#chain';
import { failure } from '#protocol';
import type { depositCalls, ReplyOf, ShownDeposit } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { ChainEventStore } from '../chain-events/chain-event.store.js';
import { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { PayerStore } from '../payers/payer.store.js';
import { DepositStore } from './deposit.store.js';
import type { Place } from './deposit.store.js';

/** Blocks of one question for logs. */
const blocksMax = 1_000;
/** Blocks that may not be final yet and are looked at: half an hour at four a second. */
const unfinalBlocksMax = 8_000;

/** Deposits as they come: those that are final, and above them what is in blocks that could still be taken back. */
@Injectable()
export class DepositsService {
  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: Pick<SettlementConfig, 'SETTLEMENT_START_BLOCK'>,
    private readonly dataSource: DataSource,
    private readonly chain: ChainLink,
    private readonly events: ChainEventStore,
    private readonly payers: PayerStore,
    private readonly store: DepositStore,
  ) {}

  /** Newest first; of one organisation or all. Errors: REQUEST_INVALID (`after`), CHAIN_UNAVAILABLE. */
  async page({ tenant, after, limit }: { tenant: string | null; after?: string | undefined; limit: number }): Promise<ReplyOf<typeof depositCalls.list>> {
    const below = after === undefined ? undefined : placeOf(after);
    const { number: block } = await this.chain.latest();
    const final = await withTenant(this.dataSource, '*', (manager) => this.store.page(manager, tenant, below, limit + 1));
    const { payers, readTo } = await withTenant(this.dataSource, tenant ?? '*', async (manager) => ({
      payers: new Map((await this.payers.all(manager)).map((payer) => [payer.address, payer.tenant])),
      readTo: await this.events.lastBlock(manager, { chainId: this.chain.chainId, escrow: this.chain.escrow.address }),
    }));
    const isAsked = (deposit: ShownDeposit): boolean => (tenant === null || deposit.tenant === tenant) && (below === undefined || isBelow(deposit.at, below));
    const unfinal = (await this.above(readTo, block)).map((event) => shown(event, payers.get(event.payer) ?? null)).filter(isAsked);
    const all = [...unfinal.reverse(), ...final];
    return { block, finalBlock: Math.max(0, readTo), data: all.slice(0, limit), hasMore: all.length > limit };
  }

  private async above(readTo: number, latest: number): Promise<DepositEvent[]> {
    const found: DepositEvent[] = [];
    for (let from = Math.max(readTo + 1, this.config.SETTLEMENT_START_BLOCK, latest - unfinalBlocksMax); from <= latest; from += blocksMax) {
      found.push(...(await this.chain.escrow.events(from, Math.min(latest, from + blocksMax - 1))).filter(isDeposit));
    }
    return found;
  }
}

type DepositEvent = Extract<PlacedEvent, { name: 'Deposited' | 'DepositWithdrawn' }>;
const isDeposit = (event: PlacedEvent): event is DepositEvent => event.name === 'Deposited' || event.name === 'DepositWithdrawn';

const shown = ({ name, payer, units, at }: DepositEvent, tenant: string | null): ShownDeposit => ({ tenant, payer, kind: name === 'Deposited' ? 'deposit' : 'withdrawal', units, isFinal: false, held: null, at });

const isBelow = (at: Place, { blockNumber, logIndex }: Place): boolean => at.blockNumber < blockNumber || (at.blockNumber === blockNumber && at.logIndex < logIndex);

function placeOf(after: string): Place {
  const [, blockNumber, logIndex] = /^(\d{1,15}):(\d{1,9})$/.exec(after) ?? [];
  if (blockNumber === undefined) throw failure('REQUEST_INVALID', '"after" is <block>:<log index> of the last deposit of the page before', { param: 'after' });
  return { blockNumber: Number(blockNumber), logIndex: Number(logIndex) };
}
