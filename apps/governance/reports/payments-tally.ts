import type { Json } from '#kernel';
import type { AuditReport } from '#protocol';
import type { LogEntry } from '../audit/record-reader.service.js';

type Fields = Record<string, Json | undefined>;
type Payments = AuditReport['payments'];
type Move = NonNullable<Payments['moves']>[number];
type Total = { -readonly [K in Exclude<keyof NonNullable<Payments['totals']>[number], 'currency'>]: bigint };

/** Named one by one; beyond it they are in the totals alone. */
const movesMax = 500;

const whole = (value: Json | undefined): string => (typeof value === 'string' && /^-?\d+$/.test(value) ? value : '0');
const text = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null);

/** What was charged, invoiced and paid, each in its own currency and in whole units of it: nothing is converted or rounded. */
export class PaymentsTally {
  private readonly charges = new Map<string, bigint>();
  private readonly settled: Payments['settled'] = [];
  private readonly invoices: Payments['invoices'] = [];
  private readonly currencies = new Map<string, string>();
  private readonly moves: Move[] = [];
  private readonly totals = new Map<string, Total>();

  charge(currency: string, nanos: bigint): void {
    this.charges.set(currency, (this.charges.get(currency) ?? 0n) + nanos);
  }

  /** False: it is about no payment. */
  take({ id, type, timeMs }: Pick<LogEntry, 'id' | 'type' | 'timeMs'>, fields: Fields): boolean {
    if (type === 'epoch.settled') this.settled.push({ id, timeMs, units: whole(fields['totalUnits']), tx: text(fields['tx']), chainId: typeof fields['chainId'] === 'number' ? fields['chainId'] : null, escrow: text(fields['escrow']) });
    else if (type === 'invoice.issued') this.takeInvoice(id, timeMs, fields);
    else if (type === 'payment.noted') this.takeMove({ id, timeMs, type, currency: this.currencyOf(fields), amountMinor: whole(fields['amountMinor']), reference: text(fields['reference']) }, 'paidMinor');
    else if (type === 'payment.reversed') this.takeMove({ id, timeMs, type, currency: this.currencyOf(fields), amountMinor: whole(fields['amountMinor']), reference: text(fields['reference']) }, 'reversedMinor');
    else if (type === 'refund.changed') this.takeRefund(id, timeMs, fields);
    else return false;
    return true;
  }

  told(): Payments {
    return {
      charges: sorted(this.charges).map(([currency, nanos]) => ({ currency, chargeNanos: nanos.toString() })),
      settled: this.settled,
      invoices: this.invoices,
      moves: this.moves,
      totals: sorted(this.totals).map(([currency, { invoicedMinor, creditedMinor, taxMinor, paidMinor, reversedMinor, refundedMinor }]) => ({
        ...{ currency, invoicedMinor: invoicedMinor.toString(), creditedMinor: creditedMinor.toString(), taxMinor: taxMinor.toString() },
        ...{ paidMinor: paidMinor.toString(), reversedMinor: reversedMinor.toString(), refundedMinor: refundedMinor.toString() },
      })),
    };
  }

  private takeInvoice(id: string, timeMs: number, fields: Fields): void {
    const [currency, kind] = [text(fields['currency']), fields['kind'] === 'credit_note' ? ('credit_note' as const) : ('invoice' as const)];
    const [netMinor, taxMinor, grossMinor] = [whole(fields['netMinor']), whole(fields['taxMinor']), whole(fields['grossMinor'])];
    this.invoices.push({ id, timeMs, number: text(fields['number']), kind, currency, netMinor, taxMinor, grossMinor });
    if (currency !== null) this.currencies.set(id, currency);
    const total = this.totalOf(currency);
    const isInvoice = kind === 'invoice';
    total[isInvoice ? 'invoicedMinor' : 'creditedMinor'] += BigInt(grossMinor);
    total.taxMinor += isInvoice ? BigInt(taxMinor) : -BigInt(taxMinor);
  }

  private takeRefund(id: string, timeMs: number, fields: Fields): void {
    this.takeMove({ id, timeMs, type: 'refund.changed', currency: text(fields['currency']), amountMinor: whole(fields['amountMinor']), reference: [text(fields['state']), text(fields['reference'])].filter((part) => part !== null).join(' ') }, fields['state'] === 'paid' ? 'refundedMinor' : undefined);
  }

  private takeMove(move: Move, total: keyof Total | undefined): void {
    if (total !== undefined) this.totalOf(move.currency)[total] += BigInt(move.amountMinor);
    if (this.moves.length < movesMax) this.moves.push(move);
  }

  /** Entries of payments from before they named their currency name their invoice; its currency is known where it was issued in the same month. */
  private currencyOf(fields: Fields): string | null {
    return text(fields['currency']) ?? this.currencies.get(text(fields['invoice']) ?? '') ?? null;
  }

  private totalOf(currency: string | null): Total {
    const name = currency ?? 'unknown';
    const total = this.totals.get(name) ?? { invoicedMinor: 0n, creditedMinor: 0n, taxMinor: 0n, paidMinor: 0n, reversedMinor: 0n, refundedMinor: 0n };
    this.totals.set(name, total);
    return total;
  }
}

const sorted = <T>(sums: ReadonlyMap<string, T>): [string, T][] => [...sums].sort(([a], [b]) => (a < b ? -1 : 1));
