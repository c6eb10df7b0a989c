import { setTimeout as sleep } from 'node:timers/promises';
import { createHash } from 'node:crypto';
import { getAddress } from 'ethers';
import { formatNanos } from '#kernel';
import type { DigestSigner } from '#chain';
import { failure, settleResponse } from '#protocol';
import { chooseWay } from './choose-way.js';
import type { PayableAsset, WayLimits } from './choose-way.js';
import { nanosOf } from './purchase.js';
import type { Purchase } from './purchase.js';
import type { PurchaseChain } from './purchase-chain.js';
import type { PurchaseJournal } from './purchase-journal.js';
import { readAsking } from './read-asking.js';
import { nonceOf, signPayment } from './sign-payment.js';
import { againstSpending } from './spending-limits.js';
import type { SpendingLimits } from './spending-limits.js';

export interface PurseLimits extends SpendingLimits {
  /** CAIP-2. */
  readonly network: string;
  readonly assets: ReadonlyMap<string, PayableAsset>;
  /** EIP-55 addresses by host; a seller that is not named is paid where it was paid first. */
  readonly payees: ReadonlyMap<string, readonly string[]>;
}

export interface PurseParts {
  readonly journal: PurchaseJournal;
  readonly chain: Pick<PurchaseChain, 'fate' | 'moved' | 'close'>;
  readonly signer: DigestSigner;
  readonly limits: PurseLimits;
  readonly nowMs: () => number;
  readonly log: { info(about: object, message: string): void; warn(about: object, message: string): void };
  /** How often the chain is asked what became of payments. */
  readonly watchMs?: number | undefined;
}

/** What is to be bought. */
export interface Bill {
  readonly record: string;
  readonly url: string;
  readonly body: Buffer;
  /** What is reserved for the request. */
  readonly worthNanos: bigint | undefined;
}

/** A claim of the seller's that a payment was taken is looked at for so long before it counts as untrue: nodes of a chain see blocks at different times. */
const claimPatienceMs = 60_000;

/**
 * Pays sellers that ask for x402 out of one wallet, within the operator's limits. A payment is on disk before it is sent, one for each request and never a second
 * while the first can be taken; what became of it is what the chain says.
 */
export class Purse {
  private readonly stop = new AbortController();
  private readonly signing = new Map<string, Promise<Purchase>>();
  private watching: Promise<void> = Promise.resolve();

  private constructor(private readonly parts: PurseParts) {}

  /** What was paid for when a machine died has no answer. */
  static async start(parts: PurseParts): Promise<Purse> {
    const purse = new Purse(parts);
    for (const { id, state, ended } of [...parts.journal.all()]) if (state === 'signed' && ended === null) await purse.failed(id, 'the machine stopped before the answer came');
    purse.watching = purse.watch();
    return purse;
  }

  async close(): Promise<void> {
    this.stop.abort();
    await this.watching;
    this.parts.chain.close();
    await this.parts.journal.close();
  }

  /**
   * The payment for a request that a seller answered with 402. `required`: its PAYMENT-REQUIRED header. Asked again for the same request it gives the same payment.
   * Error: ENGINE_FAILED that says why nothing is bought.
   */
  async pay(bill: Bill, required: string | undefined): Promise<Purchase> {
    const running = this.signing.get(bill.record);
    if (running) return running;
    const signing = this.payOnce(bill, required).finally(() => this.signing.delete(bill.record));
    this.signing.set(bill.record, signing);
    return signing;
  }

  /** The seller answered; `response`: its PAYMENT-RESPONSE header. */
  async answered(id: string, response: string | undefined): Promise<void> {
    const said = readClaim(response);
    await this.parts.journal.change(id, { ended: 'answered', why: null, claim: said });
    const bought = this.parts.journal.get(id);
    if (bought) this.parts.log.info({ purchase: id, host: bought.host, usd: formatNanos(bought.nanosMax), tx: said?.tx }, 'bought by x402');
  }

  /** No answer came of it. The payment may be taken all the same; `response`: see {@link answered}. */
  async failed(id: string, why: string, response?: string): Promise<void> {
    // It was answered before: a second attempt at the same request takes nothing from that.
    if (this.parts.journal.get(id)?.ended === 'answered') return;
    await this.parts.journal.change(id, { ended: 'failed', why, claim: readClaim(response) });
    this.parts.log.warn({ purchase: id, why }, 'a request that was paid for by x402 brought no answer');
  }

  /** What was bought, or is being bought. */
  purchases(): readonly Purchase[] {
    return [...this.parts.journal.all()];
  }

  /** Asks the chain what became of every payment that is open. Error: CHAIN_UNAVAILABLE. */
  async look(): Promise<void> {
    const problems: unknown[] = [];
    for (const bought of [...this.parts.journal.all()]) if (bought.state === 'signed' && bought.header !== '') await this.decide(bought).catch((error: unknown) => problems.push(error));
    if (problems.length > 0) throw problems[0];
  }

  private async payOnce(bill: Bill, required: string | undefined): Promise<Purchase> {
    const { host } = new URL(bill.url);
    const requestHash = createHash('sha256').update(bill.body).digest('hex');
    const known = this.parts.journal.get(bill.record);
    if (known && known.state !== 'lapsed') return this.again(known, bill.url, requestHash);
    const { worthNanos } = bill;
    if (worthNanos === undefined) throw refusal('the gateway does not say what is reserved for the request');
    const asking = readAsking(required);
    if (asking === null) throw refusal(`${host} answered 402 without a PAYMENT-REQUIRED header of x402 version 2`);
    const way = chooseWay(asking.accepts, this.waysFor(host, worthNanos));
    if ('refused' in way) throw refusal(`${host} asks for ${way.refused}`);
    const nowMs = this.parts.nowMs();
    const against = againstSpending(this.parts.journal.all(), this.parts.limits, host, way.nanos, nowMs);
    if (against !== null) throw refusal(against);
    return this.sign({ bill, host, requestHash, nowMs }, asking, way);
  }

  /** Counted against the limits before anything is waited for; on disk before it is given out. */
  private async sign({ bill, host, requestHash, nowMs }: { bill: Bill; host: string; requestHash: string; nowMs: number }, asking: Parameters<typeof signPayment>[0], way: Parameters<typeof signPayment>[1]): Promise<Purchase> {
    const { journal, signer } = this.parts;
    const { wanted, method, nanos } = way;
    const draft = { id: bill.record, host, url: bill.url, requestHash, network: wanted.network, asset: getAddress(wanted.asset.toLowerCase()), payTo: getAddress(wanted.payTo.toLowerCase()), scheme: wanted.scheme as Purchase['scheme'], method };
    const open = { ended: null, why: null, claim: null, state: 'signed', units: null, nanos: null, tx: null, lie: null, decidedAtMs: null } as const;
    const bought: Purchase = { ...draft, ...open, nonce: nonceOf(bill.record, host), validBefore: Math.ceil(nowMs / 1_000), unitsMax: BigInt(wanted.amount), nanosMax: nanos, header: '', atMs: nowMs };
    journal.reserve(bought);
    try {
      const signed = { ...bought, ...(await signPayment(asking, way, bought.nonce, signer, nowMs)) };
      await journal.sign(signed);
      return signed;
    } catch (error) {
      journal.drop(bought.id);
      throw refusal(`the payment could not be signed and kept: ${(error as Error).message}`, error);
    }
  }

  private again(known: Purchase, url: string, requestHash: string): Purchase {
    if (known.url !== url || known.requestHash !== requestHash) throw refusal(`request ${known.id} was paid for already, as another one`);
    if (known.state === 'signed' && known.validBefore * 1_000 <= this.parts.nowMs()) throw refusal(`the payment for request ${known.id} has run out, and whether it was taken is not final yet`);
    return known;
  }

  private waysFor(host: string, worthNanos: bigint): WayLimits {
    const { network, assets, payees, requestNanos } = this.parts.limits;
    const named = payees.get(host);
    const first = this.parts.journal.payeeOf(host);
    const isPayee = (address: string): boolean => (named ? named.includes(address) : first === undefined || first === address);
    return { network, assets, isPayee, most: worthNanos < requestNanos ? { nanos: worthNanos, by: 'what is reserved for the request' } : { nanos: requestNanos, by: 'the limit for one request' } };
  }

  private async decide(bought: Purchase): Promise<void> {
    const { journal, chain, limits, log, nowMs } = this.parts;
    const state = await chain.fate(bought);
    if (state === null) return;
    if (state === 'lapsed') {
      const lie = bought.claim === null ? null : `it said that transaction ${bought.claim.tx} took a payment that nothing took`;
      await journal.change(bought.id, { state, units: 0n, nanos: 0n, lie, decidedAtMs: nowMs() });
      return;
    }
    // The end of the request is awaited: it brings the seller's own word.
    if (bought.ended === null) return;
    const proof = await this.proofOf(bought);
    if (proof === null) return;
    const decimals = limits.assets.get(bought.asset)?.decimals;
    const nanos = decimals === undefined ? bought.nanosMax : nanosOf(proof.units, decimals);
    await journal.change(bought.id, { state, units: proof.units, nanos, tx: proof.tx, lie: proof.lie, decidedAtMs: nowMs() });
    const about = { purchase: bought.id, host: bought.host, units: proof.units.toString(), tx: proof.tx };
    if (proof.lie !== null) log.warn({ ...about, lie: proof.lie }, 'a seller said something else of a payment than the chain');
    else if (bought.ended === 'failed') log.warn({ ...about, why: bought.why }, 'a seller took a payment and gave no answer');
  }

  /** What a payment that is taken took: by the transaction that the seller names, if that is true; the most otherwise. Null: too early to tell. */
  private async proofOf(bought: Purchase): Promise<{ units: bigint; tx: string | null; lie: string | null } | null> {
    const { claim, unitsMax, scheme } = bought;
    const unproved = (lie: string | null) => ({ units: unitsMax, tx: null, lie });
    if (claim === null) return unproved(null);
    const isUsed = [...this.parts.journal.all()].some(({ id, tx }) => id !== bought.id && tx === claim.tx);
    const moved = isUsed ? [] : (await this.parts.chain.moved(claim.tx, bought)).filter((units) => (scheme === 'exact' ? units === unitsMax : units <= unitsMax));
    if (moved.length === 0) return this.parts.nowMs() < bought.atMs + claimPatienceMs && !isUsed ? null : unproved(`it named transaction ${claim.tx}, which is not this payment`);
    const units = moved.find((one) => one === claim.units) ?? moved.reduce((a, b) => (a > b ? a : b));
    return { units, tx: claim.tx, lie: claim.units === null || claim.units === units ? null : `it said that it took ${claim.units} units and took ${units}` };
  }

  private async watch(): Promise<void> {
    const { signal } = this.stop;
    let told = '';
    while (!signal.aborted) {
      const problem = await this.look().then(
        () => '',
        (error: unknown) => String(error),
      );
      if (problem !== '' && problem !== told) this.parts.log.warn({ problem }, 'the chain does not say what became of payments; trying again');
      told = problem;
      await sleep(this.parts.watchMs ?? 5_000, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }
}

const refusal = (why: string, cause?: unknown) => failure('ENGINE_FAILED', `not bought: ${why}`, {}, cause);

/** What the seller says that it took; null where it says nothing that could be looked up. */
function readClaim(header: string | undefined): Purchase['claim'] {
  if (header === undefined) return null;
  try {
    const said = settleResponse.pick({ success: true, transaction: true, amount: true }).parse(JSON.parse(Buffer.from(header, 'base64').toString('utf8')));
    return said.success && said.transaction !== '' ? { tx: said.transaction, units: said.amount === undefined ? null : BigInt(said.amount) } : null;
  } catch {
    return null;
  }
}
