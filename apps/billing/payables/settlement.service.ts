import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock } from '#kernel';
import { Inbox } from '#messaging';
import { nanosFor } from '#protocol';
import type { PayloadOf, settlementEvents, x402Events } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { AnomaliesStore } from '../anomalies/anomalies.store.js';
import { anomalyKinds } from '../anomalies/anomaly.js';
import { parRate, tokenCurrency } from '../billing-config.js';
import type { BillingConfig } from '../billing-config.js';
import { operatorTenant } from '../ledger/chart-of-accounts.js';
import { ChainPayments } from '../invoices/chain-payments.service.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import { WalletMovesStore } from '../ledger/wallet-moves.store.js';
import { SettledNotices } from '../receipts/settled-notices.service.js';
import { depositReversalTransfer, depositTransfer, depositWithdrawalTransfer, saleTransfer, settleTransfer, walletMoveTransfer, withdrawalTransfer } from './chain-transfers.js';
import type { WalletMove } from './chain-transfers.js';
import { PayablesStore } from './payables.store.js';
import { StatementsStore } from './statements.store.js';

type Deposit = PayloadOf<typeof settlementEvents.depositConfirmed>;
type DepositReversed = PayloadOf<typeof settlementEvents.depositReversed>;
type DepositWithdrawn = PayloadOf<typeof settlementEvents.depositWithdrawn>;
type Settled = PayloadOf<typeof settlementEvents.epochSettled>;
type Sold = PayloadOf<typeof x402Events.settled>;
type Withdrawal = PayloadOf<typeof settlementEvents.withdrawalConfirmed>;

/** Where on chain something happened: posted once, however often it is told. */
const positionOf = ({ blockHash, tx, logIndex }: Deposit['at']): string => `${blockHash} ${tx} ${logIndex}`;
/** A deposit counts once for each time that the chain gave it after it had taken it back for good. */
const depositKey = ({ at, reversals }: Pick<Deposit, 'at' | 'reversals'>): string => (reversals === undefined ? positionOf(at) : `${positionOf(at)} again ${reversals}`);
const chainInbox = 'chain';

/** Brings into the books what the chain confirmed. */
@Injectable()
export class SettlementService {
  private readonly token;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) config: BillingConfig,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Inbox) private readonly inbox: Inbox,
    @Inject(PayablesStore) private readonly payables: PayablesStore,
    @Inject(StatementsStore) private readonly statements: StatementsStore,
    @Inject(AnomaliesStore) private readonly anomalies: AnomaliesStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
    @Inject(WalletMovesStore) private readonly wallets: WalletMovesStore,
    @Inject(ChainPayments) private readonly payments: ChainPayments,
    @Inject(SettledNotices) private readonly notices: SettledNotices,
  ) {
    this.token = tokenCurrency(config);
  }

  deposited({ tenant, payer, units, at, reversals }: Deposit): Promise<void> {
    const key = depositKey({ at, reversals });
    return this.once(key, async (manager) => {
      await this.payables.notePayer(manager, payer, tenant);
      await this.ledger.post(manager, [depositTransfer(key, tenant, units, this.token)]);
    });
  }

  /** Takes the very deposit back. Of one that was not heard of yet nothing is booked, now or later. What was paid out of it meanwhile is named, and invoices that it paid are open again. */
  depositReversed({ tenant, payer, units, at, reversals }: DepositReversed): Promise<void> {
    const key = depositKey({ at, reversals });
    return this.once(`${key} reversed`, async (manager) => {
      await this.payments.lock(manager, tenant);
      await this.payables.notePayer(manager, payer, tenant);
      if (await this.inbox.claim(manager, chainInbox, key)) return;
      await this.ledger.post(manager, [depositReversalTransfer(key, tenant, units, this.token)]);
      const missing = await this.payables.depositMissing(manager, tenant, this.token.currency);
      if (missing === 0n) return;
      await this.anomalies.add(manager, [{ kind: anomalyKinds.depositSpent, subject: key, tenant, detail: { payer, units: units.toString(), missingUnits: missing.toString() } }]);
      await this.payments.follow(manager, tenant);
    });
  }

  depositWithdrawn({ tenant, units, at }: DepositWithdrawn): Promise<void> {
    return this.once(positionOf(at), (manager) => this.ledger.post(manager, [depositWithdrawalTransfer(positionOf(at), tenant, units, this.token)]).then(() => undefined));
  }

  /** The books follow the chain; where it settled something else than was drawn, that is noted. Then the nodes are told. */
  async settled(event: Settled): Promise<void> {
    const { statement: id, tenant, payer, payees, at } = event;
    await this.once(positionOf(at), async (manager) => {
      await this.payables.notePayer(manager, payer, tenant);
      const statement = await this.statements.find(manager, id);
      if (!(await this.statements.settle(manager, id, at.tx, this.clock.nowMs())) || !agrees(statement!.lines, payees)) {
        await this.anomalies.add(manager, [{ kind: anomalyKinds.settlementMismatch, subject: id, tenant, detail: { tx: at.tx, units: event.totalUnits.toString() } }]);
      }
      const rate = statement?.rate ?? parRate(this.token, 0);
      await this.ledger.post(manager, [settleTransfer(id, tenant, payees.map(({ payee, units }) => ({ payee, units, nanos: nanosFor(units, rate) })), this.token)]);
    });
    this.notices.send(await withTenant(this.dataSource, '*', (manager) => this.statements.charges(manager, id)));
  }

  sold({ payment, tenant, payTo, units, at }: Sold): Promise<void> {
    return this.once(positionOf(at), async (manager) => {
      const transfer = saleTransfer(payment, tenant, payTo, units, this.token);
      await this.ledger.post(manager, [transfer]);
      await this.wallets.add(manager, { transfer: transfer.id, tenant, wallet: payTo, currency: this.token.currency, units, isSale: true, blockNumber: at.blockNumber });
    });
  }

  /** What came to the wallet where sales are paid, or left it, and is no sale; and what the chain took back. */
  walletMoved(event: WalletMove): Promise<void> {
    const { move, tenant, wallet, units, of, at } = event;
    return this.once(`wallet ${move}`, async (manager) => {
      const transfer = walletMoveTransfer(event, this.token);
      await this.ledger.post(manager, [transfer]);
      await this.wallets.add(manager, { transfer: transfer.id, tenant, wallet, currency: this.token.currency, units, isSale: of === 'sale', blockNumber: at.blockNumber });
    });
  }

  /** Whether it could be booked: `false` while the payer's tenant is not known. */
  async withdrawn({ payee, payer, units, at }: Withdrawal): Promise<boolean> {
    return withTenant(this.dataSource, '*', async (manager) => {
      const tenant = await this.payables.tenantOfPayer(manager, payer);
      if (tenant === undefined) return false;
      if (await this.inbox.claim(manager, chainInbox, positionOf(at))) await this.ledger.post(manager, [withdrawalTransfer(positionOf(at), tenant, payee, units, this.token)]);
      return true;
    });
  }

  /** Gives up on a withdrawal that no tenant paid for. */
  ignoreWithdrawal({ payer, at }: Withdrawal): Promise<void> {
    return withTenant(this.dataSource, '*', (manager) => this.anomalies.add(manager, [{ kind: anomalyKinds.payerUnknown, subject: positionOf(at), tenant: operatorTenant, detail: { payer } }]));
  }

  private once(what: string, post: (manager: EntityManager) => Promise<void>): Promise<void> {
    return withTenant(this.dataSource, '*', async (manager) => {
      if (await this.inbox.claim(manager, chainInbox, what)) await post(manager);
    });
  }
}

function agrees(drawn: readonly { payee: string; units: bigint }[], settled: readonly { payee: string; units: bigint }[]): boolean {
  const units = new Map(drawn.map((line) => [line.payee, line.units]));
  return settled.length === units.size && settled.every((line) => units.get(line.payee.toLowerCase()) === line.units);
}
