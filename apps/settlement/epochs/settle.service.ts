import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { getAddress, ZeroAddress } from 'ethers';
import { DataSource } from 'typeorm';
import { Clock, Ids, isDomainError } from '#kernel';
import { escrowCalls, statementDigest } from '#chain';
import { Caller } from '#messaging';
import { billingCalls, failure, governanceCalls } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { Rates } from '../conversions/rates.service.js';
import { HandedStore } from '../handing/handed.store.js';
import { HandingService } from '../handing/handing.service.js';
import { Registration } from '../payees/registration.service.js';
import { PayerKeys } from '../payers/payer-keys.js';
import { PayerStore } from '../payers/payer.store.js';
import { TransactionStore } from '../transactions/transaction.store.js';
import { fileOf, statementToText } from './statement-file.js';
import { statementFor } from './statement.js';
import type { AuditHead, Draw, FinalView, SignableStatement } from './statement.js';
import { StatementStore } from './statement.store.js';
import type { StatementRow } from './statement.store.js';

/** How long a caller waits for an epoch to become final: below the call's own 30 s. */
const waitMs = 22_000;
const lookMs = 100;
/** Questions to the chain at a time: a public endpoint takes some tens a second. */
const readsAtOnce = 25;

/** Runs epochs: draws what is due, signs the statement, hands it to the relayer. Every step can be repeated. */
@Injectable()
export class SettleService {
  private readonly logger = new Logger(SettleService.name);
  /** By tenant, the full statement after which nothing was due. */
  private readonly complete = new Map<string, string>();

  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: SettlementConfig,
    private readonly dataSource: DataSource,
    private readonly caller: Caller,
    private readonly chain: ChainLink,
    private readonly payers: PayerStore,
    private readonly keys: PayerKeys,
    private readonly registration: Registration,
    private readonly statements: StatementStore,
    private readonly transactions: TransactionStore,
    private readonly handed: HandedStore,
    private readonly handing: HandingService,
    private readonly rates: Rates,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /**
   * Runs an epoch of a tenant now, or takes up the one that is open, and waits until it is final or time is up; then it goes on by
   * itself. Errors: NOTHING_DUE, NOT_FOUND (no payer), CONFLICT (no key), RATE_UNUSABLE, DEPOSIT_INSUFFICIENT, LEDGER_UNBALANCED, CHAIN_UNAVAILABLE,
   * CHAIN_REJECTED.
   */
  async run(tenant: string): Promise<StatementRow> {
    const deadline = this.clock.monotonicMs() + waitMs;
    const { id } = await this.begin(tenant);
    for (;;) {
      const row = (await this.read(tenant, (manager) => this.statements.get(manager, id)))!;
      if (row.state === 'final') return row;
      if (row.state === 'failed' && row.transaction !== null) throw failure('CHAIN_REJECTED', `statement ${id} did not land: ${row.error ?? 'unknown'}; it will be signed anew`, { statement: id });
      if (row.state === 'drawn') await this.sign(row);
      if (this.clock.monotonicMs() > deadline) {
        if (row.epoch !== null) return row;
        throw failure('CHAIN_UNAVAILABLE', 'the registration of new payees is not final yet; the epoch goes on by itself', { statement: id });
      }
      await sleep(lookMs);
    }
  }

  /** Makes sure that a tenant's epoch is under way; does not wait for the chain. Errors as {@link run}. */
  async begin(tenant: string): Promise<StatementRow> {
    const payer = await this.read(tenant, (manager) => this.payers.ofTenant(manager, tenant));
    if (!payer) throw failure('NOT_FOUND', 'the organisation has no payer address; name one first');
    // Before anything is drawn: a draw that cannot be settled only waits.
    await this.chain.finalized();
    const open = (await this.read(tenant, (manager) => this.statements.open(manager, tenant))) ?? (await this.draw(tenant, payer.address));
    if (open.state === 'drawn' || open.state === 'failed') await this.sign(open);
    return open;
  }

  /** Signs again what no transaction carries any more. One tenant's trouble does not stop the others. */
  async resume(quietMs: number): Promise<void> {
    for (const row of await this.read('*', (manager) => this.statements.stranded(manager, quietMs))) {
      await this.sign(row).catch((error: unknown) => this.logger.warn(`statement ${row.id}: ${error instanceof Error ? error.message : String(error)}`));
    }
  }

  /** Begins the next epoch where the last one was full: who had no room in it does not wait for the timer. */
  async goOn(): Promise<void> {
    for (const { id, tenant } of await this.read('*', (manager) => this.statements.full(manager, this.config.SETTLEMENT_PAYEES_PER_STATEMENT))) {
      if (this.complete.get(tenant) === id) continue;
      await this.begin(tenant).catch((error: unknown) => {
        if (isDomainError(error, 'NOTHING_DUE')) this.complete.set(tenant, id);
        else this.logger.warn(`epoch after ${id}: ${error instanceof Error ? error.message : String(error)}`);
      });
    }
  }

  private async draw(tenant: string, payer: string): Promise<StatementRow> {
    // The escrow registers neither nobody nor itself: one such payee in a statement would keep all others from being paid.
    const except = [ZeroAddress, this.chain.escrow.address];
    const drawn = await this.caller.call(billingCalls.drawPayables, { statement: this.ids.uuid(), tenant, except, payeesMax: this.config.SETTLEMENT_PAYEES_PER_STATEMENT, rate: await this.rates.current() });
    if (drawn.rate === undefined) await this.requireUnits(drawn.nanosPerUnit);
    // Of a draw whose answer was lost, the rate of then.
    const rate = drawn.rate ?? null;
    const draw: Draw = { rate, id: drawn.statement, tenant, payer, payees: drawn.payees, totalUnits: drawn.totalUnits, cumulativeTotalUnits: drawn.cumulativeTotalUnits };
    return this.read(tenant, async (manager) => {
      await this.statements.insertDrawn(manager, draw);
      return ((await this.statements.get(manager, draw.id)) ?? (await this.statements.open(manager, tenant)))!;
    });
  }

  /** Without a rate, billing's units must be the escrow's: `unit` base units of a token with so many decimals. */
  private async requireUnits(nanosPerUnit: bigint): Promise<void> {
    const [{ unit }, decimals] = [await this.chain.constants(), await this.chain.tokenDecimals()];
    if (nanosPerUnit * 10n ** BigInt(decimals) !== unit * 1_000_000_000n) {
      throw failure('LEDGER_UNBALANCED', `billing counts units of ${nanosPerUnit} nanos; the escrow's unit is ${unit} of a token with ${decimals} decimals`);
    }
  }

  /** Does nothing while payees wait for their index, or when the totals are on chain already. */
  private async sign(row: StatementRow): Promise<void> {
    const view = await this.finalView(row);
    if (!view) return;
    const audit = await this.auditHead();
    const lastEpoch = await this.read('*', (manager) => this.statements.lastEpoch(manager, row.payer));
    const signable = statementFor(row, view, audit, lastEpoch, this.clock.nowMs());
    if (!signable) return;
    const domain = { chainId: this.chain.chainId, escrow: this.chain.escrow.address };
    const { serialized: signature } = await this.keys.sign(row.payer, statementDigest(signable.statement, domain));
    await this.hand(row, signable, signature);
  }

  /** The signed statement, its transaction and the form that its payees are given are one write. */
  private async hand(row: StatementRow, signable: SignableStatement, signature: string): Promise<void> {
    const data = escrowCalls.settle(signable.statement, signable.list, signature);
    const domain = { chainId: this.chain.chainId, escrow: this.chain.escrow.address };
    const file = fileOf({ callData: data, payees: row.payees, rate: row.rate }, domain);
    const payees = row.payees.map(({ payee }) => payee.toLowerCase());
    await this.read(row.tenant, async (manager) => {
      const transaction = await this.transactions.plan(manager, this.chain, { purpose: 'settle', subject: row.id, target: this.chain.escrow.address, data });
      if (transaction === null) return;
      if (!(await this.statements.sign(manager, row, signable, signature, transaction))) throw failure('CONFLICT', `statement ${row.id} was signed by another process`);
      await this.handed.add(manager, row.tenant, row.id, statementToText(file), payees);
    });
    await this.handing.tell(payees);
  }

  private async finalView(row: StatementRow): Promise<FinalView | null> {
    const addresses = row.payees.map(({ payee }) => getAddress(payee.toLowerCase()));
    const indices = await this.registration.indices(addresses);
    if (indices.size < addresses.length) return null;
    const { number } = await this.chain.finalized();
    const { escrow } = this.chain;
    const [payer, registry] = [await escrow.payer(row.payer, number), await escrow.registry(number)];
    const credits = new Map<number, bigint>();
    const all = [...indices.values()];
    for (let at = 0; at < all.length; at += readsAtOnce) {
      const some = all.slice(at, at + readsAtOnce);
      const found = await Promise.all(some.map((index) => escrow.credit(row.payer, index, number)));
      for (const [place, { cumulative }] of found.entries()) credits.set(some[place]!, cumulative);
    }
    return { payer, registryHash: registry.hash, indices, credits };
  }

  private async auditHead(): Promise<AuditHead> {
    const { root, size } = await this.caller.call(governanceCalls.checkpoint, {});
    return { root: `0x${root}`, size };
  }

  private read<T>(tenant: string, work: Parameters<typeof withTenant<T>>[2]): Promise<T> {
    return withTenant(this.dataSource, tenant, work);
  }
}
