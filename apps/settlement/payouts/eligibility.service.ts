import { Inject, Injectable } from '@nestjs/common';
import { getAddress } from 'ethers';
import { DataSource } from 'typeorm';
import { Clock, formatNanos } from '#kernel';
import { Caller } from '#messaging';
import { billingCalls } from '#protocol';
import type { HeldBack } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { PayeeProofStore } from '../payees/payee-proof.store.js';
import { Registration } from '../payees/registration.service.js';
import { Delegates } from '../payers/delegates.service.js';
import { PayerKeys } from '../payers/payer-keys.js';
import { PayerStore } from '../payers/payer.store.js';
import { Screening } from '../screening/screening.service.js';
import { DisputeStore } from './dispute.store.js';
import { byOwed } from './held-back.js';
import { HoldStore } from './hold.store.js';
import { Holds } from './holds.service.js';
import { MinimumStore } from './minimum.store.js';

/** Whom a tenant may pay now, and whom not with why. */
export interface Eligible {
  /** Addresses as billing names them, those that are owed most first. */
  readonly payees: readonly string[];
  /** What each of `payees` is owed. */
  readonly owedNanos: ReadonlyMap<string, bigint>;
  readonly heldBack: readonly HeldBack[];
  /** EIP-55: those whom the payer's delegate could be allowed to pay if they had an index, and against whom nothing else stands; most first. */
  readonly unregistered: readonly string[];
}

/** Decides before each draw who is in it. Everybody else stays owed. */
@Injectable()
export class Eligibility {
  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: Pick<SettlementConfig, 'SETTLEMENT_PAYEE_PROOF'>,
    private readonly dataSource: DataSource,
    private readonly caller: Caller,
    private readonly screening: Screening,
    private readonly holdings: Holds,
    private readonly holds: HoldStore,
    private readonly disputes: DisputeStore,
    private readonly minimums: MinimumStore,
    private readonly proofs: PayeeProofStore,
    private readonly payers: PayerStore,
    private readonly chain: ChainLink,
    private readonly registration: Registration,
    private readonly keys: PayerKeys,
    private readonly delegates: Delegates,
    private readonly clock: Clock,
  ) {}

  /** Screens everybody who is owed something; who is found is held from now on. Errors: SCREENING_UNAVAILABLE, SERVICE_UNAVAILABLE (billing); CHAIN_UNAVAILABLE where a delegate signs. */
  async of(tenant: string): Promise<Eligible> {
    const { data } = await this.caller.call(billingCalls.listPayables, { tenant });
    const owed = data.map(({ payee, owedNanos }) => ({ payee, address: getAddress(payee.toLowerCase()), owedNanos }));
    const addresses = owed.map(({ address }) => address);
    const hits = await this.screening.hits(addresses);
    await this.holdings.placeForHits(hits);
    const why = await this.reasons(tenant, addresses);
    const { indices, refusals } = await this.ofDelegate(tenant, owed.filter(({ owedNanos }) => owedNanos > 0n).map(({ address }) => address));
    const [payees, heldBack, unregistered]: [typeof owed, HeldBack[], typeof owed] = [[], [], []];
    for (const each of owed) {
      const { payee, address, owedNanos } = each;
      const others = why(address, owedNanos);
      const refusal = refusals.get(address);
      const reasons = refusal === undefined ? others : [...others, { kind: 'not-allowed' as const, detail: refusal }];
      if (reasons.length === 0) payees.push(each);
      else if (owedNanos > 0n) heldBack.push({ payee, owedNanos, reasons });
      if (refusal !== undefined && others.length === 0 && indices.get(address) === null) unregistered.push(each);
    }
    for (const list of [payees, unregistered]) list.sort(byOwed);
    return { payees: payees.map(({ payee }) => payee), owedNanos: new Map(payees.map(({ payee, owedNanos }) => [payee, owedNanos])), heldBack, unregistered: unregistered.map(({ address }) => address) };
  }

  /** Whom the delegate that signs for the tenant's payer may not pay, and why; nobody where the payer's own key signs. */
  private async ofDelegate(tenant: string, addresses: readonly string[]): Promise<{ indices: ReadonlyMap<string, number | null>; refusals: ReadonlyMap<string, string> }> {
    const payer = await withTenant(this.dataSource, tenant, (manager) => this.payers.ofTenant(manager, tenant));
    if (payer === null || addresses.length === 0 || this.keys.delegateOf(payer.address) === null) return { indices: new Map(), refusals: new Map() };
    const known = await this.registration.known(addresses, (await this.chain.finalized()).number);
    const indices = new Map(addresses.map((address) => [address, known.get(address) ?? null]));
    return { indices, refusals: await this.delegates.refusals(payer.address, indices) };
  }

  /** Of payees of a draw (EIP-55), those against whom something was put since: a hold, a dispute. */
  async stopped(tenant: string, addresses: readonly string[]): Promise<string[]> {
    const [holds, disputes] = await withTenant(this.dataSource, '*', async (manager) => [await this.holds.inForce(manager, tenant, this.clock.nowMs()), await this.disputes.inForce(manager, tenant)] as const);
    const against = new Set([...holds, ...disputes].map(({ payee }) => payee));
    return addresses.filter((address) => against.has(address));
  }

  private async reasons(tenant: string, addresses: readonly string[]): Promise<(address: string, owedNanos: bigint) => HeldBack['reasons']> {
    const [holds, disputes, minimumOf, proved] = await withTenant(this.dataSource, '*', async (manager) => [
      await this.holds.inForce(manager, tenant, this.clock.nowMs()),
      await this.disputes.inForce(manager, tenant),
      await this.minimums.of(manager, tenant),
      this.config.SETTLEMENT_PAYEE_PROOF === 'required' ? await this.proofs.settledOf(manager, addresses) : null,
    ] as const);
    return (address, owedNanos) => [
      ...holds
        .filter(({ payee }) => payee === address)
        .map(({ source, tenant: by, reason }) => ({ kind: source === 'screening' ? ('screening' as const) : ('hold' as const), detail: source === 'screening' ? 'on a list of sanctions' : by === null ? 'held by the operator' : reason })),
      ...disputes.filter(({ payee }) => payee === address).map(({ id, statement }) => ({ kind: 'dispute' as const, detail: `dispute ${id} of statement ${statement} is open` })),
      ...(proved === null || proved.has(address) ? [] : [{ kind: 'unproved' as const, detail: 'nobody has proved to own the address' }]),
      ...(owedNanos < minimumOf(address) ? [{ kind: 'minimum' as const, detail: `less than ${formatNanos(minimumOf(address))} dollars` }] : []),
    ];
  }
}
