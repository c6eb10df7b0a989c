import { Inject, Injectable } from '@nestjs/common';
import { ZeroAddress } from 'ethers';
import { DataSource } from 'typeorm';
import { Ids, isDomainError } from '#kernel';
import type { DomainError } from '#kernel';
import { Caller } from '#messaging';
import { billingCalls, failure, unitsFor } from '#protocol';
import type { ReplyOf } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { PayerGate } from '../admission/payer-gate.service.js';
import { Finality } from '../chain-events/finality.service.js';
import { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { Rates } from '../conversions/rates.service.js';
import { Registration } from '../payees/registration.service.js';
import { Delegates } from '../payers/delegates.service.js';
import { nobodyWithin, requireInterval } from '../payers/delegation.js';
import type { Payer } from '../payers/payer.store.js';
import { Eligibility } from '../payouts/eligibility.service.js';
import { DepositCover, emptyDeposit } from './deposit-cover.service.js';
import type { Cover } from './deposit-cover.service.js';
import type { Draw } from './statement.js';
import { StatementStore } from './statement.store.js';
import type { StatementRow } from './statement.store.js';
import { TakenBack } from './taken-back.service.js';

/** Draws from the books what a payer's next statement pays, and keeps it. */
@Injectable()
export class Draws {
  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: SettlementConfig,
    private readonly dataSource: DataSource,
    private readonly caller: Caller,
    private readonly chain: ChainLink,
    private readonly registration: Registration,
    private readonly statements: StatementStore,
    private readonly rates: Rates,
    private readonly gate: PayerGate,
    private readonly eligibility: Eligibility,
    private readonly finality: Finality,
    private readonly takenBack: TakenBack,
    private readonly delegates: Delegates,
    private readonly cover: DepositCover,
    private readonly ids: Ids,
  ) {}

  /** Takes in whom the tenant may pay now; everybody else stays owed. */
  async draw({ tenant, address: payer, jurisdiction }: Payer): Promise<StatementRow> {
    // Whether anything can be drawn now or not: what was taken back is owed again.
    await this.takenBack.tellLast(tenant);
    await this.finality.requireStanding(payer);
    await this.gate.require({ address: payer, jurisdiction });
    const payeesMax = this.config.SETTLEMENT_PAYEES_PER_STATEMENT;
    // A draw that cannot be settled only waits: the chain is asked for its final block before anything is drawn.
    const mandate = await this.delegates.mandate(payer).catch((error: unknown) => {
      if (isDomainError(error, 'DELEGATE_UNUSABLE')) return error;
      throw error;
    });
    if (isDomainError(mandate)) return this.drawnBefore(tenant, payer, mandate);
    const [eligible, rate, availableUnits] = await Promise.all([this.eligibility.of(tenant), this.rates.current(), this.cover.availableUnits(payer)]);
    if (mandate) requireInterval(mandate);
    // The escrow registers neither nobody nor itself: one such payee in a statement would keep all others from being paid, and has no place among those who are owed most.
    const except = [ZeroAddress, this.chain.escrow.address];
    const never = new Set(except.map((address) => address.toLowerCase()));
    const [only, unregistered] = [eligible.payees, eligible.unregistered].map((payees) => payees.filter((payee) => !never.has(payee.toLowerCase())).slice(0, payeesMax)) as [string[], string[]];
    // The payer can allow its delegate those only who have an index.
    await this.registration.begin(unregistered);
    const cover = { payer, availableUnits, dueUnits: only.reduce((sum, payee) => sum + unitsFor(eligible.owedNanos.get(payee) ?? 0n, rate), 0n) };
    const unitsMax = mandate && mandate.unitsMax < availableUnits ? mandate.unitsMax : availableUnits;
    const drawn = await this.caller.call(billingCalls.drawPayables, { statement: this.ids.uuid(), tenant, except, payeesMax, only, rate, unitsMax }).catch((error: unknown) => {
      throw isDomainError(error, 'NOTHING_DUE') ? ((mandate && nobodyWithin(mandate, only, eligible.heldBack)) ?? emptyDeposit(cover) ?? error) : error;
    });
    const isShort = drawn.totalUnits >= availableUnits && drawn.totalUnits < cover.dueUnits;
    return this.keep(drawn, payer, drawn.totalUnits >= unitsMax, isShort ? cover : null);
  }

  /** A draw whose answer was lost is open in the books: it is taken up though nothing new may be drawn, for `reason`, which is thrown when there is none. */
  private async drawnBefore(tenant: string, payer: string, reason: DomainError): Promise<StatementRow> {
    const drawn = await this.caller.call(billingCalls.drawPayables, { statement: this.ids.uuid(), tenant, only: [] }).catch((error: unknown) => {
      throw isDomainError(error, 'NOTHING_DUE') ? reason : error;
    });
    return this.keep(drawn, payer, true, null);
  }

  private async keep(drawn: ReplyOf<typeof billingCalls.drawPayables>, payer: string, isCapped: boolean, short: Cover | null): Promise<StatementRow> {
    if (drawn.rate === undefined) await this.requireUnits(drawn.nanosPerUnit);
    const { statement: id, tenant, payees, totalUnits, cumulativeTotalUnits } = drawn;
    // Of a draw whose answer was lost, the rate of then.
    const draw: Draw = { rate: drawn.rate ?? null, id, tenant, payer, payees, totalUnits, cumulativeTotalUnits, isCapped };
    return withTenant(this.dataSource, tenant, async (manager) => {
      if ((await this.statements.insertDrawn(manager, draw)) && short) await this.cover.noteShort(manager, draw, short);
      return ((await this.statements.get(manager, id)) ?? (await this.statements.open(manager, tenant)))!;
    });
  }

  /** Without a rate, billing's units must be the escrow's: `unit` base units of a token with so many decimals. */
  private async requireUnits(nanosPerUnit: bigint): Promise<void> {
    const [{ unit }, decimals] = [await this.chain.constants(), await this.chain.tokenDecimals()];
    if (nanosPerUnit * 10n ** BigInt(decimals) !== unit * 1_000_000_000n) {
      throw failure('LEDGER_UNBALANCED', `billing counts units of ${nanosPerUnit} nanos; the escrow's unit is ${unit} of a token with ${decimals} decimals`);
    }
  }
}
