import type { ModelAdmission } from './books-model-harness.js';

const hourMs = 3_600_000;
const least = (...values: readonly bigint[]): bigint => values.reduce((a, b) => (a < b ? a : b));
const positive = (value: bigint): bigint => (value > 0n ? value : 0n);
/** Half up; of nothing below zero. */
const divided = (value: bigint, by: bigint): bigint => (value + by / 2n) / by;
const byMoment = <T>(momentOf: (one: T) => readonly [number, string]) => (a: T, b: T): number => momentOf(a)[0] - momentOf(b)[0] || (momentOf(a)[1] < momentOf(b)[1] ? -1 : 1);

export const monthAt = (atMs: number, later = 0): number => Date.UTC(new Date(atMs).getUTCFullYear(), new Date(atMs).getUTCMonth() + later);

export interface ModelAgreement {
  readonly id: string;
  readonly fromMs: number;
  readonly approvedAtMs: number;
  readonly tiers: readonly { readonly aboveNanos: bigint; readonly basisPoints: number }[];
  readonly minimum: bigint;
  /** By name. */
  readonly fees: ReadonlyMap<string, bigint>;
}

export interface ModelCredit {
  readonly id: string;
  readonly amount: bigint;
  readonly fromMs: number;
  readonly toMs: number;
  used: bigint;
  lapsed: bigint;
}

export interface ModelInvoice {
  readonly id: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly issuedAtMs: number;
  readonly gross: bigint;
  /** What is left of each line to be credited, tax not included. */
  readonly lines: Map<number, bigint>;
  paid: bigint;
  credited: bigint;
  returned: bigint;
  creditedNet: bigint;
  creditedTax: bigint;
}

export type ModelTerm = readonly [kind: 'discount' | 'minimum' | 'fee' | 'granted', nanos: bigint];

interface ModelAdjustment {
  readonly id: string;
  readonly amount: bigint;
  readonly madeAtMs: number;
}

/** What an invoice of a period takes in, and says beside usage. */
export interface ModelBill {
  readonly usage: bigint;
  readonly terms: readonly ModelTerm[];
  readonly hasLines: boolean;
}

/** One tenant's bills as anybody would keep them in memory, beside its `ModelBooks`. Money is in hundredths, but for what is used: that is in nano-dollars. */
export class ModelBills {
  readonly agreements: ModelAgreement[] = [];
  readonly credits: ModelCredit[] = [];
  readonly adjustments: ModelAdjustment[] = [];
  readonly invoices: ModelInvoice[] = [];
  readonly refunds: { readonly id: string; readonly amount: bigint; state: 'requested' | 'paid' | 'voided' }[] = [];
  balance = 0n;
  /** What is in invoices: charges by record, adjustments by id. */
  private readonly billed = new Set<string>();
  /** Of months, by what their invoices have of them so far. */
  private readonly months = new Map<number, { usage: bigint; minimum: bigint; fees: Set<string> }>();

  constructor(
    private readonly admissions: () => readonly ModelAdmission[],
    private readonly taxBasisPoints: bigint,
  ) {}

  /** What the tenant owes and no invoice has. */
  get unbilled(): bigint {
    const charges = this.admissions().reduce((sum, { facts, ended }) => sum + (ended && !this.billed.has(facts.record) ? ended.amount : 0n), 0n);
    return charges + this.adjustments.reduce((sum, { id, amount }) => sum + (this.billed.has(id) ? 0n : amount), 0n);
  }
  get refunding(): bigint {
    return this.refunds.reduce((sum, { amount, state }) => sum + (state === 'requested' ? amount : 0n), 0n);
  }
  get granted(): bigint {
    return this.credits.reduce((sum, { amount, used, lapsed }) => sum + amount - used - lapsed, 0n);
  }
  dueOf({ gross, paid, credited, returned }: ModelInvoice): bigint {
    return gross - paid - credited + returned;
  }

  /** Answers what an invoice takes in that is issued now, and takes it. Without anything in it nothing happens. */
  bill(toMs: number): ModelBill {
    const charges = this.admissions().filter(({ facts, ended }) => ended !== undefined && facts.admittedAtMs + 50 < toMs && !this.billed.has(facts.record));
    let usage = charges.reduce((sum, { ended }) => sum + ended!.amount, 0n);
    const taken: ModelAdjustment[] = [];
    for (const one of this.adjustments.filter(({ id, madeAtMs }) => madeAtMs < toMs && !this.billed.has(id)).sort(byMoment(({ madeAtMs, id }) => [madeAtMs, id]))) {
      if (usage + one.amount < 0n) continue;
      usage += one.amount;
      taken.push(one);
    }
    const monthMs = monthAt(toMs - 1);
    const before = this.months.get(monthMs) ?? { usage: 0n, minimum: 0n, fees: new Set<string>() };
    const agreement = this.agreements.filter(({ fromMs }) => fromMs <= monthMs).sort((a, b) => a.fromMs - b.fromMs || byMoment<ModelAgreement>((one) => [one.approvedAtMs, one.id])(a, b)).at(-1);
    const agreed = agreement ? termsOf(agreement, before, usage, toMs === monthAt(monthMs, 1)) : [];
    const discount = agreed.reduce((sum, [kind, amount]) => sum + (kind === 'discount' ? amount : 0n), 0n);
    const hasLines = charges.some(({ ended }) => ended!.tokens > 0 || ended!.amount > 0n) || taken.length > 0 || agreed.length > 0;
    if (!hasLines) return { usage, terms: [], hasLines };
    const terms = [...agreed, ...this.useCredits(charges, usage + discount)];
    for (const { facts } of charges) this.billed.add(facts.record);
    for (const { id } of taken) this.billed.add(id);
    if (agreement || terms.length > 0) {
      const minimum = agreed.reduce((sum, [kind, amount]) => sum + (kind === 'minimum' ? amount : 0n), before.minimum);
      const isOver = agreement !== undefined && toMs === monthAt(monthMs, 1);
      this.months.set(monthMs, { usage: before.usage + usage, minimum, fees: new Set([...before.fees, ...(isOver ? agreement.fees.keys() : [])]) });
    }
    return { usage, terms, hasLines };
  }

  /** Usage of an hour is paid by credits that hold for the whole hour, the one that ends first before the others. */
  private useCredits(charges: readonly ModelAdmission[], payableMost: bigint): ModelTerm[] {
    const hours = new Map<number, bigint>();
    for (const { facts, ended } of charges) {
      const hour = facts.admittedAtMs + 50 - ((facts.admittedAtMs + 50) % hourMs);
      hours.set(hour, (hours.get(hour) ?? 0n) + ended!.amount);
    }
    let payable = positive(payableMost);
    const terms: ModelTerm[] = [];
    for (const credit of [...this.credits].sort(byMoment(({ toMs, id }) => [toMs, id]))) {
      const before = credit.used;
      for (const hour of [...hours.keys()].sort((a, b) => a - b).filter((at) => at >= credit.fromMs && at + hourMs <= credit.toMs)) {
        const taken = least(hours.get(hour)!, credit.amount - credit.used - credit.lapsed, payable);
        hours.set(hour, hours.get(hour)! - taken);
        credit.used += taken;
        payable -= taken;
      }
      if (credit.used > before) terms.push(['granted', before - credit.used]);
    }
    return terms;
  }

  lapse(nowMs: number): void {
    for (const credit of this.credits) if (monthAt(credit.toMs - 1, 2) <= nowMs) credit.lapsed = credit.amount - credit.used;
  }

  /** What stands to the tenant's credit pays the oldest invoices first. */
  payFromBalance(): void {
    for (const invoice of [...this.invoices].sort(byMoment(({ issuedAtMs, id }) => [issuedAtMs, id]))) {
      const paid = least(positive(this.dueOf(invoice)), this.balance);
      invoice.paid += paid;
      this.balance -= paid;
    }
  }

  /** `part`: of one line; left out, all that is left. Answers what the note is for, or why there is none. */
  credit(invoice: ModelInvoice, part: readonly [line: number, net: bigint] | undefined): bigint | 'NOTHING_DUE' | 'REQUEST_INVALID' {
    const taken = part ? [part] : [...invoice.lines].filter(([, net]) => net !== 0n);
    if (taken.length === 0) return 'NOTHING_DUE';
    const net = taken.reduce((sum, [, each]) => sum + each, 0n);
    const tax = this.taxOn(invoice.creditedNet + net) - invoice.creditedTax;
    if (net + tax <= 0n || net + tax > invoice.gross - invoice.credited) return 'REQUEST_INVALID';
    const returned = positive(net + tax - this.dueOf(invoice));
    for (const [line, each] of taken) invoice.lines.set(line, invoice.lines.get(line)! - each);
    invoice.credited += net + tax;
    invoice.returned += returned;
    invoice.creditedNet += net;
    invoice.creditedTax += tax;
    this.balance += returned;
    this.payFromBalance();
    return net + tax;
  }

  taxOn(net: bigint): bigint {
    return net < 0n ? -divided(-net * this.taxBasisPoints, 10_000n) : divided(net * this.taxBasisPoints, 10_000n);
  }
}

function termsOf({ tiers, minimum, fees }: ModelAgreement, before: { usage: bigint; minimum: bigint; fees: ReadonlySet<string> }, usage: bigint, isMonthOver: boolean): ModelTerm[] {
  const [from, to] = [before.usage, before.usage + usage];
  const off = (nanos: bigint): bigint[] => tiers.map(({ aboveNanos, basisPoints }, index) => divided(positive(least(nanos, tiers[index + 1]?.aboveNanos ?? nanos) - aboveNanos) * BigInt(basisPoints), 10_000n));
  const [offBefore, offNow] = [off(from), off(to)];
  const terms: ModelTerm[] = offNow.map((now, index) => ['discount', offBefore[index]! - now]);
  if (isMonthOver) {
    terms.push(['minimum', positive(minimum - (to - offNow.reduce((sum, one) => sum + one, 0n))) - before.minimum]);
    for (const [name, nanos] of fees) if (!before.fees.has(name)) terms.push(['fee', nanos]);
  }
  return terms.filter(([, nanos]) => nanos !== 0n);
}
