import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { getAddress } from 'ethers';
import { DataSource } from 'typeorm';
import { Clock, isDomainError } from '#kernel';
import { escrowCalls, statementDigest } from '#chain';
import { Caller } from '#messaging';
import { failure, governanceCalls } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { Finality } from '../chain-events/finality.service.js';
import { ChainLink, inBatches } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { HandedStore } from '../handing/handed.store.js';
import { HandingService } from '../handing/handing.service.js';
import { Registration } from '../payees/registration.service.js';
import { Delegates } from '../payers/delegates.service.js';
import { beyondMandate, waitMsOf, requireInterval } from '../payers/delegation.js';
import type { Mandate } from '../payers/delegation.js';
import { PayerKeys } from '../payers/payer-keys.js';
import { PayerStore } from '../payers/payer.store.js';
import { Relayer } from '../transactions/relayer.service.js';
import { Eligibility } from '../payouts/eligibility.service.js';
import { Holds } from '../payouts/holds.service.js';
import { Said } from '../said.js';
import { Screening } from '../screening/screening.service.js';
import { TransactionStore } from '../transactions/transaction.store.js';
import { DepositCover } from './deposit-cover.service.js';
import { Draws } from './draws.service.js';
import { fileOf, statementToText } from './statement-file.js';
import { statementFor } from './statement.js';
import type { AuditHead, FinalView, SignableStatement, StatementSignature } from './statement.js';
import { StatementStore } from './statement.store.js';
import type { StatementRow, VoidCause } from './statement.store.js';
import { TakenBack } from './taken-back.service.js';
import { Voids } from './voids.service.js';

/** How long a caller waits for an epoch to become final: below the call's own 30 s. */
const waitMs = 22_000;
const lookMs = 100;
/** Draws of one run that may be taken back: in each, somebody came to be held in the moment in which it was drawn. */
const drawsMax = 3;
/** What a payer has to change first is looked at again after this long. */
const payerChangesMs = 60_000;

/** Whether nothing is drawn until the payer has changed something, which no time is known for. */
const needsPayer = (error: unknown): boolean => (['DELEGATE_UNUSABLE', 'DELEGATE_LIMITED', 'DEPOSIT_INSUFFICIENT'] as const).some((code) => isDomainError(error, code));

/** The payees of a statement, by EIP-55. */
const addressesOf = ({ payees }: StatementRow): string[] => payees.map(({ payee }) => getAddress(payee.toLowerCase()));

/** Runs epochs: draws what is due, signs the statement, hands it to the relayer. Every step can be repeated. */
@Injectable()
export class SettleService {
  private readonly logger = new Logger(SettleService.name);
  /** By tenant, the full or voided statement after which nothing was due. */
  private readonly complete = new Map<string, string>();
  /** By tenant, when its epoch is begun (monotonic): the delegate of its payer may not sign before, or its payer has something to change. */
  private readonly postponed = new Map<string, number>();
  /** By tenant, why its epoch was not begun, as it was said last. */
  private readonly saidOf = new Said();
  /** By statement, what was said of it last: it is tried every few seconds, and waits for hours. */
  private readonly said = new Said();

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
    private readonly relayer: Relayer,
    private readonly eligibility: Eligibility,
    private readonly screening: Screening,
    private readonly holds: Holds,
    private readonly finality: Finality,
    private readonly voids: Voids,
    private readonly takenBack: TakenBack,
    private readonly delegates: Delegates,
    private readonly cover: DepositCover,
    private readonly draws: Draws,
    private readonly clock: Clock,
  ) {}

  /**
   * Runs an epoch of a tenant now, or takes up the one that is open, and waits until it is final or time is up; then it goes on by
   * itself. Errors: NOTHING_DUE, NOT_FOUND (no payer), CONFLICT (no key), SANCTIONED, TOKEN_NOT_ALLOWED, SCREENING_UNAVAILABLE, RATE_UNUSABLE, DEPOSIT_INSUFFICIENT, DELEGATE_UNUSABLE,
   * DELEGATE_LIMITED, FINALITY_BROKEN, LEDGER_UNBALANCED, CHAIN_UNAVAILABLE, CHAIN_REJECTED.
   */
  async run(tenant: string): Promise<StatementRow> {
    const deadline = this.clock.monotonicMs() + waitMs;
    let { id } = await this.begin(tenant);
    for (;;) {
      const row = (await this.read(tenant, (manager) => this.statements.get(manager, id)))!;
      if (row.state === 'final') return row;
      if (row.state === 'taken-back') {
        ({ id } = await this.begin(tenant));
        continue;
      }
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
    for (let tries = 1; ; tries += 1) {
      const [payer, under] = await this.read(tenant, async (manager) => [await this.payers.ofTenant(manager, tenant), await this.statements.open(manager, tenant)] as const);
      if (!payer) throw failure('NOT_FOUND', 'the organisation has no payer address; name one first');
      const open = under ?? (await this.draws.draw(payer));
      if (['drawn', 'failed', 'taken-back'].includes(open.state) ? await this.sign(open) : true) return open;
      if (tries === drawsMax) throw failure('CONFLICT', `${tries} draws were taken back, one after the other: somebody in each came to be held, disputed, listed or dropped by the payer; run the epoch again`);
    }
  }

  /** Signs again what no transaction carries any more, and keeps back what may not be sent any more. One tenant's trouble does not stop the others. */
  async resume(quietMs: number): Promise<void> {
    const [unsent, stranded] = await this.read('*', async (manager) => [await this.statements.unsent(manager, quietMs), await this.statements.stranded(manager, quietMs)]);
    this.said.keepOnly(new Set([...unsent, ...stranded].map(({ id }) => id)));
    for (const row of unsent) await this.keepBack(row).catch((error: unknown) => this.warnOnce(row, error));
    for (const row of stranded) await this.takeUp(row).catch((error: unknown) => this.warnOnce(row, error));
  }

  private warnOnce({ id }: StatementRow, error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    if (this.said.isNew(id, problem)) this.logger.warn(`statement ${id}: ${problem}`);
  }

  /** What waits for hours to be sent would pay somebody who came onto a list in them: it is not sent, and then nothing carries it. Error: SCREENING_UNAVAILABLE. */
  private async keepBack(row: StatementRow): Promise<void> {
    const hits = await this.screening.hits([row.payer, ...addressesOf(row)]);
    if (hits.size === 0) return;
    const reason = `${[...hits.keys()].join(', ')} came onto a list of sanctions before it was sent`;
    if (await this.read('*', (manager) => this.transactions.drop(manager, row.transaction!, reason))) this.logger.warn(`statement ${row.id} is not sent: ${reason}`);
  }

  /** Of what was taken back, the others are paid at once. */
  private async takeUp(row: StatementRow): Promise<void> {
    if (await this.sign(row)) return;
    await this.begin(row.tenant).catch((error: unknown) => {
      if (!isDomainError(error, 'NOTHING_DUE') && !this.postpone(row.tenant, error)) throw error;
    });
  }

  /** Whether an epoch that could not be begun is begun by itself: when the payer's delegate may sign again, or a while later when the payer has to change something first. */
  postpone(tenant: string, error: unknown): boolean {
    const waitMs = waitMsOf(error) ?? (needsPayer(error) ? payerChangesMs : null);
    if (waitMs === null) return false;
    this.postponed.set(tenant, this.clock.monotonicMs() + waitMs);
    return true;
  }

  /** Begins the next epoch where the last one was full, or was voided, and where one was postponed: who had no room in it, or is owed again, does not wait for the timer. */
  async goOn(): Promise<void> {
    await this.takenBack.tellAll();
    const full = await this.read('*', (manager) => this.statements.toGoOn(manager, this.config.SETTLEMENT_PAYEES_PER_STATEMENT));
    const after = new Map(full.flatMap(({ id, tenant }) => (this.complete.get(tenant) === id ? [] : [[tenant, id]])));
    const nowMs = this.clock.monotonicMs();
    for (const tenant of new Set([...after.keys(), ...this.postponed.keys()])) {
      if ((this.postponed.get(tenant) ?? 0) > nowMs) continue;
      await this.begin(tenant).then(
        () => this.isBegun(tenant),
        (error: unknown) => this.cannotGoOn(tenant, after.get(tenant), error),
      );
    }
  }

  private isBegun(tenant: string): void {
    this.postponed.delete(tenant);
    this.saidOf.forget(tenant);
  }

  private cannotGoOn(tenant: string, after: string | undefined, error: unknown): void {
    const isOver = isDomainError(error, 'NOTHING_DUE');
    if (!this.postpone(tenant, error) && isOver) this.isBegun(tenant);
    if (isOver && after !== undefined) this.complete.set(tenant, after);
    if (isOver || waitMsOf(error) !== null) return;
    const problem = error instanceof Error ? error.message : String(error);
    if (this.saidOf.isNew(tenant, problem)) this.logger.warn(`epoch of ${tenant}${after === undefined ? '' : ` after ${after}`}: ${problem}`);
  }

  /** Does nothing while payees wait for their index, or when the totals are on chain already. False: the draw was taken back and what it drew is owed again, or another process was first; look at what is open now. */
  private async sign(row: StatementRow): Promise<boolean> {
    if (row.state === 'taken-back') return false;
    const [isClear, final] = await Promise.all([this.isClear(row), this.chain.finalized()]);
    if (!isClear) return false;
    const indices = await this.registration.indices(addressesOf(row), final.number);
    if (indices.size < row.payees.length) return true;
    const mandate = await this.delegates.mandate(row.payer, indices.values()).catch(async (error: unknown) => {
      // Nothing of it was signed, and nobody may sign it: it is owed until somebody may.
      if (row.epoch === null && isDomainError(error, 'DELEGATE_UNUSABLE')) await this.takeBack(row, error.message);
      throw error;
    });
    if (mandate && !(await this.isWithin(row, mandate, indices))) return false;
    const [view, audit, lastEpoch] = await Promise.all([
      this.finalView(row.payer, indices, final.number),
      this.auditHead(),
      this.read('*', (manager) => this.statements.lastEpoch(manager, row.payer)),
      this.finality.requireStanding(row.payer),
    ]);
    const signable = await this.signable(row, view, audit, lastEpoch);
    if (signable === 'taken-back') return false;
    if (!signable) return true;
    const domain = { chainId: this.chain.chainId, escrow: this.chain.escrow.address };
    const { serialized: signature } = await this.keys.sign(row.payer, statementDigest(signable.statement, domain));
    return this.hand(row, signable, { signature, delegate: mandate?.delegate ?? null });
  }

  /**
   * Between draw and signature, or between two signatures, the payer may have lowered what its delegate may credit, or dropped a payee. What was not signed is taken back, and what fits is drawn
   * anew (false). Of one that was signed a form is out, which would land if the payer raised its limits again: it is voided. Error: DELEGATE_LIMITED.
   */
  private async isWithin(row: StatementRow, mandate: Mandate, indices: ReadonlyMap<string, number>): Promise<boolean> {
    const beyond = beyondMandate(row.totalUnits, indices, mandate);
    if (beyond === null) {
      requireInterval(mandate);
      return true;
    }
    if (row.epoch !== null) return this.void(row, 'DELEGATE_LIMITED', beyond);
    await this.takeBack(row, beyond);
    return false;
  }

  /**
   * Null when it is on chain already. The deposit may have been asked back and taken since the draw: what was not signed is taken back, and what the deposit covers is drawn anew. What was signed
   * waits for a deposit that covers it, and is voided as soon as one covers a part: then that is drawn. Errors as {@link statementFor}.
   */
  private async signable(row: StatementRow, view: FinalView, audit: AuditHead, lastEpoch: bigint): Promise<SignableStatement | 'taken-back' | null> {
    try {
      return statementFor(row, view, audit, lastEpoch, this.clock.nowMs());
    } catch (error) {
      if (!isDomainError(error, 'DEPOSIT_INSUFFICIENT')) throw error;
      if (row.epoch === null) {
        await this.takeBack(row, error.message);
        return 'taken-back';
      }
      if (await this.cover.coversPart(row)) return this.void(row, 'DEPOSIT_INSUFFICIENT', error.message);
      throw error;
    }
  }

  private async void(row: StatementRow, cause: VoidCause, why: string): Promise<never> {
    await this.voids.begin(row, cause);
    throw failure(cause, `statement ${row.id} is not signed anew: ${why}. An empty statement takes its epoch, so that it cannot land; when that is final, what may be paid is drawn anew`, { statement: row.id });
  }

  /** Not when another process signed it or took it back first: what became of it is looked at anew. */
  private async takeBack(row: StatementRow, why: string): Promise<void> {
    if (!(await this.read(row.tenant, (manager) => this.statements.takeBack(manager, row.id)))) return;
    await this.takenBack.tell(row);
    this.logger.warn(`statement ${row.id} is taken back before it was signed: ${why}`);
  }

  /**
   * Between draw and signature somebody may have come onto a list, or be held or disputed. A draw cannot be taken apart: while nothing of it was signed, all of it is taken back
   * (false). Of one that was signed a form is out, and may land: who is listed stops that it is signed anew, and it is voided. Errors: SANCTIONED, DELEGATE_LIMITED and DEPOSIT_INSUFFICIENT (it is voided for that), SCREENING_UNAVAILABLE.
   */
  private async isClear(row: StatementRow): Promise<boolean> {
    const addresses = addressesOf(row);
    const hits = await this.screening.hits([row.payer, ...addresses]);
    await this.holds.placeForHits(new Map([...hits].filter(([address]) => addresses.includes(address))));
    const wasSigned = row.epoch !== null;
    if (hits.has(row.payer)) throw failure('SANCTIONED', `statement ${row.id} is not signed: payer ${row.payer} is on a list of sanctions; it is signed when it is not any more`, { statement: row.id });
    if (row.voidCause === 'DELEGATE_LIMITED') return this.void(row, row.voidCause, 'its payer does not let its delegate pay it any more');
    if (row.voidCause === 'DEPOSIT_INSUFFICIENT') return this.void(row, row.voidCause, 'the deposit held less than it pays');
    if (row.voidCause !== null || (wasSigned && hits.size > 0)) return this.void(row, 'SANCTIONED', `${hits.size > 0 ? [...hits.keys()].join(', ') : 'somebody in it'} came onto a list of sanctions after it was signed`);
    if (wasSigned) return true;
    const stopped = await this.eligibility.stopped(row.tenant, addresses);
    if (stopped.length === 0) return true;
    await this.takeBack(row, `${stopped.join(', ')} may not be paid any more`);
    return false;
  }

  /** The signed statement, its transaction and the form that its payees are given are one write; false, and none of it, when another process was first. */
  private async hand(row: StatementRow, signable: SignableStatement, signed: StatementSignature): Promise<boolean> {
    const data = escrowCalls.settle(signable.statement, signable.list, signed.signature);
    const domain = { chainId: this.chain.chainId, escrow: this.chain.escrow.address };
    const file = fileOf({ callData: data, delegate: signed.delegate, payees: row.payees, rate: row.rate }, domain);
    const payees = row.payees.map(({ payee }) => payee.toLowerCase());
    const twin = new Error(`statement ${row.id} was signed by another process`);
    const isOurs = await this.read(row.tenant, async (manager) => {
      const transaction = await this.transactions.plan(manager, this.chain, { purpose: 'settle', subject: row.id, target: this.chain.escrow.address, data });
      if (transaction === null) return false;
      if (!(await this.statements.sign(manager, row, signable, signed, transaction))) throw twin;
      await this.handed.add(manager, row.tenant, row.id, statementToText(file), payees);
      return true;
    }).catch((error: unknown) => {
      if (error !== twin) throw error;
      return false;
    });
    if (!isOurs) return false;
    this.relayer.kick();
    await this.handing.tell(payees);
    return true;
  }

  private async finalView(payerAddress: string, indices: ReadonlyMap<string, number>, finalBlock: number): Promise<FinalView> {
    const { escrow } = this.chain;
    const [payer, registryHash, credits] = await Promise.all([escrow.payer(payerAddress, finalBlock), escrow.registryHash(finalBlock), this.credits(payerAddress, [...indices.values()], finalBlock)]);
    return { payer, registryHash, indices, credits };
  }

  private async credits(payer: string, indices: readonly number[], finalBlock: number): Promise<Map<number, bigint>> {
    const credits = new Map<number, bigint>();
    for (const some of inBatches(indices)) {
      const found = await Promise.all(some.map((index) => this.chain.escrow.credit(payer, index, finalBlock)));
      for (const [place, { cumulative }] of found.entries()) credits.set(some[place]!, cumulative);
    }
    return credits;
  }

  /** What everybody is shown: a root on the chain of more entries than that would look as if the rest were withheld. */
  private async auditHead(): Promise<AuditHead> {
    const { root, size } = await this.caller.call(governanceCalls.checkpoint, { published: true });
    return { root: `0x${root}`, size };
  }

  private read<T>(tenant: string, work: Parameters<typeof withTenant<T>>[2]): Promise<T> {
    return withTenant(this.dataSource, tenant, work);
  }
}
