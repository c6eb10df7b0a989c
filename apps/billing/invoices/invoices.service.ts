import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { assert, canonicalJson, Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { failure } from '#protocol';
import type { InvoiceDocument } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { InvoiceTerms } from '../agreements/invoice-terms.service.js';
import type { BilledUsage } from '../agreements/invoice-terms.service.js';
import type { Term } from '../agreements/terms.js';
import type { BillingConfig } from '../billing-config.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import type { Transfer } from '../ledger/transfer.js';
import { TenantRecords } from '../records/tenant-records.service.js';
import { BalancePayments } from './balance-payments.service.js';
import { creditDocument, draftDocument, homeCurrencyOf, readDocument, sha256 } from './invoice-document.js';
import type { UsageGroup } from './invoice-lines.js';
import { invoicePdf } from './invoice-pdf.js';
import { creditTransfer, issueTransfer } from './invoice-transfers.js';
import { invoiceUbl } from './invoice-ubl.js';
import { InvoicedChargesStore } from './invoiced-charges.store.js';
import { dueOf, InvoicesStore } from './invoices.store.js';
import type { FoundInvoice } from './invoices.store.js';
import { leftToCredit } from './left-to-credit.js';
import { PartiesStore } from './parties.store.js';

interface Period {
  readonly id: string;
  readonly tenant: string;
  readonly fromMs: number;
  readonly toMs: number;
}

interface CreditRequest {
  readonly tenant: string;
  readonly id: string;
  readonly invoice: string;
  readonly reason: string;
  readonly lines?: readonly { readonly line: number; readonly netMinor: bigint }[] | undefined;
}

@Injectable()
export class InvoicesService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) private readonly config: BillingConfig,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(InvoicesStore) private readonly invoices: InvoicesStore,
    @Inject(InvoicedChargesStore) private readonly charges: InvoicedChargesStore,
    @Inject(InvoiceTerms) private readonly terms: InvoiceTerms,
    @Inject(BalancePayments) private readonly balance: BalancePayments,
    @Inject(PartiesStore) private readonly parties: PartiesStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
    @Inject(TenantRecords) private readonly records: TenantRecords,
  ) {}

  /** The draft of a period; the same period again is the same invoice. Errors: INVOICE_IMPOSSIBLE, NOTHING_DUE, REQUEST_INVALID. */
  draft(tenant: string, fromMs: number, toMs: number): Promise<FoundInvoice> {
    if (toMs <= fromMs) throw failure('REQUEST_INVALID', 'the period ends before it begins', { param: 'toMs' });
    return withTenant(this.dataSource, '*', async (manager) => {
      await this.invoices.lockTenant(manager, tenant);
      const known = await this.invoices.ofPeriod(manager, tenant, fromMs, toMs);
      if (known) return known;
      const period = { id: this.ids.uuid(), tenant, fromMs, toMs };
      const { document, seller } = await this.asDue(manager, period);
      await this.invoices.insert(manager, document, seller, { fromMs, toMs, issueAfterMs: toMs + this.config.BILLING_INVOICE_GRACE_MS });
      return this.found(manager, tenant, period.id);
    });
  }

  /** What an invoice says: frozen once issued; of a draft, as it would be issued now. Errors: NOT_FOUND, INVOICE_IMPOSSIBLE. */
  async read(manager: EntityManager, invoice: FoundInvoice): Promise<InvoiceDocument> {
    const text = await this.invoices.document(manager, invoice.id);
    if (text !== undefined) return readDocument(text);
    const { id, tenant, periodFromMs: fromMs, periodToMs: toMs } = invoice;
    return (await this.asDue(manager, { id, tenant, fromMs, toMs })).document;
  }

  /** In turn with its issue: either comes first. Errors: NOT_FOUND, CONFLICT. */
  withdraw(tenant: string, id: string): Promise<FoundInvoice> {
    return withTenant(this.dataSource, '*', async (manager) => {
      await this.invoices.lockTenant(manager, tenant);
      const draft = await this.found(manager, tenant, id);
      if (draft.state !== 'draft') throw failure('CONFLICT', 'this invoice is issued and stays: credit it instead', { invoice: id });
      await this.invoices.remove(manager, id);
      return draft;
    });
  }

  /** Takes the charges, gives the number, freezes and posts, once. Errors: NOT_FOUND, INVOICE_IMPOSSIBLE, NOTHING_DUE. */
  async issue(tenant: string, id: string): Promise<FoundInvoice> {
    const issued = await withTenant(this.dataSource, '*', async (manager) => {
      await this.invoices.lockTenant(manager, tenant);
      const draft = await this.found(manager, tenant, id);
      if (draft.state !== 'draft') return draft;
      const { periodFromMs: fromMs, periodToMs: toMs } = draft;
      if (toMs > this.clock.nowMs()) throw failure('INVOICE_IMPOSSIBLE', 'the period of this invoice is not over yet', { invoice: id });
      await this.charges.take(manager, tenant, toMs, id);
      const groups = await this.charges.taken(manager, tenant, fromMs, toMs, id);
      const billed = this.billed(manager, { id, tenant, fromMs, toMs }, groups, id);
      const terms = await this.terms.of(manager, billed);
      const { document, seller } = await this.write(manager, { id, tenant, fromMs, toMs }, [...groups, ...terms.map(termGroup)]);
      const booked = await this.terms.take(manager, id, billed, terms);
      return this.freeze(manager, document, seller, async (numbered) => {
        const { prepaidMinor } = numbered;
        return [issueTransfer(numbered, seller), ...booked, ...(prepaidMinor === undefined ? [] : [await this.balance.note(manager, numbered, prepaidMinor)])];
      });
    });
    this.outbox.kick();
    return issued;
  }

  /** A credit note for lines of an issued invoice, all that is left where none are named. What was paid of them stands to the buyer's credit. Errors: NOT_FOUND, REQUEST_INVALID, NOTHING_DUE, IDEMPOTENCY_MISMATCH. */
  async credit(request: CreditRequest): Promise<FoundInvoice> {
    const { tenant, id, reason } = request;
    const issued = await withTenant(this.dataSource, '*', async (manager) => {
      await this.invoices.lockTenant(manager, tenant);
      const known = await this.invoices.find(manager, tenant, id);
      const inputHash = creditInputHash(request);
      if (known) {
        const before = await this.invoices.inputHash(manager, id);
        if (known.corrects !== request.invoice || (before !== null && before !== inputHash)) throw failure('IDEMPOTENCY_MISMATCH', 'this id is of another document, or of other lines or another reason; use a new one', { id });
        return known;
      }
      const of = await this.found(manager, tenant, request.invoice);
      if (of.kind !== 'invoice' || of.state === 'draft') throw failure('REQUEST_INVALID', 'only an issued invoice can be credited', { param: 'invoice' });
      const original = await this.read(manager, of);
      const before = (await this.invoices.creditNotesOf(manager, of.id)).map(readDocument);
      const credited = creditDocument(original, { id, issueMs: this.clock.nowMs(), reason, credited: leftToCredit(original, before, request.lines), before });
      const leftMinor = of.grossMinor - of.creditedMinor;
      if (credited.grossMinor <= 0n || credited.grossMinor > leftMinor) throw failure('REQUEST_INVALID', `a credit note is for more than nothing and at most the ${leftMinor} hundredths that are left of the invoice`, { param: 'lines' });
      const paidMinor = credited.grossMinor - dueOf(of);
      const document = paidMinor > 0n ? { ...credited, toBalanceMinor: paidMinor } : credited;
      await this.invoices.insert(manager, document, of.seller, { fromMs: of.periodFromMs, toMs: of.periodToMs, issueAfterMs: this.clock.nowMs() }, inputHash);
      await this.invoices.addCredited(manager, of.id, document.grossMinor, document.toBalanceMinor ?? 0n);
      return this.freeze(manager, document, of.seller, (numbered) => Promise.resolve([creditTransfer(numbered, of.seller)]));
    });
    this.outbox.kick();
    return issued;
  }

  /** Error: NOT_FOUND. */
  async found(manager: EntityManager, tenant: string, id: string): Promise<FoundInvoice> {
    const invoice = await this.invoices.find(manager, tenant, id);
    if (!invoice) throw failure('NOT_FOUND', 'there is no such invoice', { invoice: id });
    return invoice;
  }

  /** As it would be issued now. */
  private async asDue(manager: EntityManager, period: Period): Promise<{ document: InvoiceDocument; seller: string }> {
    const groups = await this.charges.due(manager, period.tenant, period.fromMs, period.toMs);
    const terms = await this.terms.of(manager, this.billed(manager, period, groups, null));
    return this.write(manager, period, [...groups, ...terms.map(termGroup)]);
  }

  private billed(manager: EntityManager, { tenant, toMs }: Period, groups: readonly UsageGroup[], invoice: string | null): BilledUsage {
    return { tenant, toMs, usageNanos: groups.reduce((sum, { amountNanos }) => sum + amountNanos, 0n), byHour: () => this.charges.byHour(manager, tenant, toMs, invoice) };
  }

  private async write(manager: EntityManager, { id, tenant, fromMs, toMs }: Period, groups: UsageGroup[]): Promise<{ document: InvoiceDocument; seller: string }> {
    if (groups.length === 0) throw failure('NOTHING_DUE', 'there is no usage in this period that is not in an invoice yet', { tenant });
    const party = await this.parties.buyer(manager, tenant);
    if (!party) throw failure('INVOICE_IMPOSSIBLE', 'it is not known whom to make the invoice out to; put the buyer first', { tenant });
    const seller = await this.parties.seller(manager, party.seller);
    const rate = await this.parties.rateAt(manager, party.buyer.currency, toMs);
    const home = homeCurrencyOf(seller, party.buyer.currency);
    const draft = { id, tenant, seller, buyer: party.buyer, fromMs, toMs, issueMs: this.clock.nowMs(), rate, groups };
    const document = draftDocument({ ...draft, homeRate: null });
    // The seller's own currency matters only where there is tax to be told in it.
    const told = home === null || document.tax[0]!.category !== 'S' ? document : draftDocument({ ...draft, homeRate: await this.parties.rateAt(manager, home, toMs) });
    const prepaidMinor = await this.balance.covers(manager, tenant, told.currency, told.grossMinor);
    return { document: prepaidMinor > 0n ? { ...told, prepaidMinor } : told, seller: party.seller };
  }

  private async freeze(manager: EntityManager, draft: InvoiceDocument, seller: string, transfersOf: (document: InvoiceDocument) => Promise<Transfer[]>): Promise<FoundInvoice> {
    const nowMs = this.clock.nowMs();
    const number = await this.invoices.nextNumber(manager, seller, draft.seller.numberPrefix, draft.kind, new Date(nowMs).getUTCFullYear());
    const document = { ...draft, number };
    const files = { pdf: await invoicePdf(document), ubl: Buffer.from(invoiceUbl(document)) };
    const documentHash = await this.invoices.freeze(manager, document, seller, nowMs, files);
    await this.ledger.post(manager, await transfersOf(document));
    const { id, tenant, kind, currency } = document;
    const fields = {
      ...{ invoice: id, kind, number, currency, corrects: document.corrects?.id ?? null, documentHash, pdfHash: sha256(files.pdf), ublHash: sha256(files.ubl) },
      ...{ netMinor: document.netMinor.toString(), taxMinor: document.taxMinor.toString(), grossMinor: document.grossMinor.toString(), usageNanos: document.usageNanos.toString() },
    };
    await this.outbox.record(manager, await this.records.seal(tenant, { id, type: 'invoice.issued', timeMs: nowMs, fields, facts: null }));
    const issued = await this.found(manager, tenant, id);
    assert(issued.number === number, 'an invoice that was just issued has its number');
    return issued;
  }
}

/** The same lines in another order are another request. */
const creditInputHash = ({ invoice, reason, lines }: CreditRequest): string => sha256(canonicalJson({ invoice, reason, lines: lines?.map(({ line, netMinor }) => ({ line, netMinor: netMinor.toString() })) ?? null }));

const termGroup = ({ name, detail, amountNanos }: Term): UsageGroup => ({ project: 'all projects', model: name, endpoint: detail, meter: 'term', lateMonth: null, quantity: 0n, priceNanos: 0n, amountNanos });
