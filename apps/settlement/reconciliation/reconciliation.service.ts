import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Caller, Outbox } from '#messaging';
import { failure, operatorRecord, reconciliationCalls } from '#protocol';
import type { Reconciliation, ReplyOf } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { ChainEventStore } from '../chain-events/chain-event.store.js';
import type { Cursor } from '../chain-events/chain-event.store.js';
import { ChainLink, inBatches } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { compareWallet } from '../wallets/compare-wallet.js';
import { reconciledWalletOf, WalletComparison } from '../wallets/wallet-comparison.service.js';
import type { WalletOnChain } from '../wallets/wallet-comparison.service.js';
import { compareTokens, isOfEvents, isSame, totalsOf } from './compare-tokens.js';
import type { ComparedPayer, Difference, TokensOnChain } from './compare-tokens.js';
import { isDueAgain } from './read-again.js';
import { ReconciliationMetrics } from './reconciliation-metrics.js';
import { ReconciliationStore } from './reconciliation.store.js';

/** What differs is looked at so often before it is called a difference, a second apart: facts reach the books at their own pace. */
export const looksMax = 10;
export const lookMs = 1_000;

interface Look {
  readonly block: number;
  readonly token: string;
  readonly chain: TokensOnChain;
  readonly wallets: readonly WalletOnChain[];
  readonly books: ReplyOf<typeof reconciliationCalls.ledgerTokens>;
  readonly differences: readonly Difference[];
}

/**
 * Compares every unit of the token, by all who know of it, at the last final block that was read: the chain's state with the events, the final
 * statements, and the books. Events that an endpoint kept back are read again from where all agreed last; what still differs is named.
 */
@Injectable()
export class ReconciliationService {
  private readonly logger = new Logger(ReconciliationService.name);
  private readonly metrics = new ReconciliationMetrics();
  /** Differences that every look of this round has found. */
  private suspected: { readonly differences: readonly Difference[]; readonly looks: number } | undefined;
  private doneAtMs: number | undefined;
  /** The block at which events were read again last. */
  private readAgainAt: number | undefined;
  /** The block at which wallets are compared: one for a round, so that what is sold meanwhile makes no difference. */
  private walletsAt: number | undefined;

  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: Pick<SettlementConfig, 'SETTLEMENT_RECONCILE_MS' | 'SETTLEMENT_START_BLOCK'>,
    private readonly dataSource: DataSource,
    @Inject(Caller) private readonly caller: Pick<Caller, 'call'>,
    private readonly chain: ChainLink,
    private readonly events: ChainEventStore,
    private readonly store: ReconciliationStore,
    @Inject(WalletComparison) private readonly wallets: Pick<WalletComparison, 'at'>,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** One look, if one is due: a round ends when nothing differs, or after {@link looksMax} looks. Errors: CHAIN_UNAVAILABLE, SERVICE_UNAVAILABLE (billing). */
  async round(): Promise<void> {
    const isDue = this.doneAtMs === undefined || this.clock.monotonicMs() - this.doneAtMs >= this.config.SETTLEMENT_RECONCILE_MS;
    if (!isDue && this.suspected === undefined) return;
    const look = await this.look().catch((error: unknown) => {
      // Endpoints may have forgotten the state of that block by now.
      this.walletsAt = undefined;
      throw error;
    });
    if (look === null) return;
    const { differences: before, looks } = this.suspected ?? { differences: look.differences, looks: 0 };
    // What agreed at one look of the round was on its way at the others.
    const differences = look.differences.filter((each) => before.some((other) => isSame(each, other)));
    if (differences.length > 0 && looks + 1 < looksMax) {
      this.suspected = { differences, looks: looks + 1 };
      return this.readAgain(differences, look.block);
    }
    await this.keep({ ...look, differences });
    this.suspected = this.walletsAt = undefined;
    this.doneAtMs = this.clock.monotonicMs();
  }

  /** The last comparison; an organisation sees its own payer's part. Error: NOT_FOUND. */
  async last(tenant: string | null): Promise<Reconciliation> {
    const kept = await this.within((manager) => this.store.last(manager, this.cursor));
    if (!kept) throw failure('NOT_FOUND', 'nothing was compared yet: settlement does so shortly after its start');
    if (tenant === null) return kept.result;
    const differences = kept.result.differences.filter((each) => each.tenant === tenant);
    return { ...kept.result, totals: null, agrees: differences.length === 0, payers: kept.result.payers.filter((payer) => payer.tenant === tenant), wallets: kept.result.wallets.filter((wallet) => wallet.tenant === tenant), differences };
  }

  private get cursor(): Cursor {
    return { chainId: this.chain.chainId, escrow: this.chain.escrow.address };
  }

  /** Null while nothing of the chain was read. */
  private async look(): Promise<Look | null> {
    const { block, payers: sums } = await this.within((manager) => this.store.sums(manager, this.cursor));
    if (block < 0) return null;
    const { token, unit } = await this.chain.constants();
    const payers: ComparedPayer[] = [];
    for (const some of inBatches(sums)) {
      const states = await Promise.all(some.map(({ address }) => this.chain.escrow.payer(address, block)));
      payers.push(...states.map(({ available, thawing, cumulativeTotal }, place) => ({ ...some[place]!, availableUnits: available, thawingUnits: thawing, cumulativeUnits: cumulativeTotal })));
    }
    const chain = { escrow: this.chain.escrow.address, heldBaseUnits: await this.chain.heldTokens(block), baseUnitsPerUnit: unit, payers };
    const wallets = await this.wallets.at((this.walletsAt ??= block));
    const books = await this.caller.call(reconciliationCalls.ledgerTokens, { wallets: wallets.map((wallet) => ({ address: wallet.address, block: wallet.block })) });
    return { block, token, chain, wallets, books, differences: [...compareTokens(chain, books), ...wallets.flatMap((wallet) => compareWallet(wallet, books.wallets))] };
  }

  /** Every event since all agreed last is read once more; what is known already is not taken twice. What stays missing is read again ever more seldom. */
  private async readAgain(differences: readonly Difference[], block: number): Promise<void> {
    if (!differences.some(isOfEvents)) return;
    const agreed = (await this.within((manager) => this.store.last(manager, this.cursor)))?.agreedBlock ?? -1;
    const from = Math.max(this.config.SETTLEMENT_START_BLOCK, agreed + 1);
    if (!isDueAgain(this.readAgainAt, agreed, block)) return;
    this.readAgainAt = block;
    this.logger.warn(`events of the escrow are missing; they are read again from block ${from}: ${differences.map(({ kind, subject, detail }) => `${kind} ${subject}: ${detail}`).join('; ')}`);
    await this.within((manager) => this.events.turnBack(manager, this.cursor, from));
  }

  /** A new result is an entry of the log; the same one again is not. */
  private async keep(look: Look): Promise<void> {
    const nowMs = this.clock.nowMs();
    await this.within(async (manager) => {
      const last = await this.store.last(manager, this.cursor);
      const differences = look.differences.map((each) => ({ ...each, sinceMs: last?.result.differences.find((other) => isSame(each, other))?.sinceMs ?? nowMs }));
      const result = this.resultOf(look, differences, nowMs);
      const agreedBlock = differences.some(isOfEvents) ? (last?.agreedBlock ?? -1) : look.block;
      const isKnown = last !== null && last.result.differences.length === differences.length && differences.every((each) => last.result.differences.some((other) => isSame(each, other)));
      if (isKnown) await this.store.again(manager, last.number, result, agreedBlock);
      else {
        await this.store.add(manager, this.cursor, result, agreedBlock);
        await this.record(manager, result);
      }
      this.metrics.show(result);
    });
    this.outbox.kick();
  }

  private async record(manager: EntityManager, { block, comparedAtMs, chainId, escrow, differences }: Reconciliation): Promise<void> {
    const named = differences.map(({ kind, subject, detail }) => ({ kind, subject, detail }));
    for (const { kind, subject, detail } of named) this.logger.error(`block ${block}: ${kind} ${subject}: ${detail}`);
    await this.outbox.record(manager, operatorRecord({ id: this.ids.uuid(), type: 'tokens.reconciled', timeMs: comparedAtMs, fields: { chainId, escrow, block, differences: named }, facts: null }));
  }

  private resultOf({ block, token, chain, wallets, books }: Look, differences: Reconciliation['differences'], comparedAtMs: number): Reconciliation {
    const { owedBaseUnits, depositUnits, creditUnits } = totalsOf(chain);
    const { heldBaseUnits, baseUnitsPerUnit } = chain;
    return {
      chainId: Number(this.chain.chainId),
      escrow: chain.escrow,
      token,
      block,
      comparedAtMs,
      agrees: differences.length === 0,
      totals: { heldBaseUnits, baseUnitsPerUnit, surplusBaseUnits: heldBaseUnits - owedBaseUnits, depositUnits, creditUnits, ledgerDepositUnits: books.depositUnits, ledgerCreditUnits: books.creditUnits, ledgerEscrowUnits: books.escrowUnits },
      payers: chain.payers.map(({ address, tenant, depositedUnits, withdrawnUnits, availableUnits, thawingUnits, cumulativeUnits: creditedUnits, paidOutUnits }) => ({ address, tenant, depositedUnits, withdrawnUnits, availableUnits, thawingUnits, creditedUnits, paidOutUnits })),
      wallets: wallets.map((wallet) => reconciledWalletOf(wallet, books.wallets)),
      differences,
    };
  }

  private within<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return withTenant(this.dataSource, '*', work);
  }
}
