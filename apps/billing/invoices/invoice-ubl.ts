import { create } from 'xmlbuilder2';
import type { Buyer, InvoiceDocument, InvoiceLine, Seller, TaxLine } from '#protocol';
import { formatNanos } from '#kernel';
import { minorText } from './rounding.js';

type Node = Record<string, unknown>;

const vat = { 'cac:TaxScheme': { 'cbc:ID': 'VAT' } };
const percent = (basisPoints: number): string => minorText(BigInt(basisPoints));

/** EN 16931 in UBL 2.1, as Peppol BIS Billing 3 has it: an invoice (380) or a credit note (381). Amounts of both are positive. */
export function invoiceUbl(document: InvoiceDocument): string {
  const root = document.kind === 'invoice' ? 'Invoice' : 'CreditNote';
  const amount = (minor: bigint): Node => ({ '@currencyID': document.currency, '#': minorText(minor) });
  const xml: Node = {
    '@xmlns': `urn:oasis:names:specification:ubl:schema:xsd:${root}-2`,
    '@xmlns:cac': 'urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2',
    '@xmlns:cbc': 'urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2',
    'cbc:CustomizationID': 'urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0',
    'cbc:ProfileID': 'urn:fdc:peppol.eu:2017:poacc:billing:01:1.0',
    'cbc:ID': document.number,
    'cbc:IssueDate': document.issueDate,
    ...(document.kind === 'invoice' ? { 'cbc:DueDate': document.dueDate, 'cbc:InvoiceTypeCode': '380' } : { 'cbc:CreditNoteTypeCode': '381' }),
    'cbc:Note': noteOf(document),
    'cbc:DocumentCurrencyCode': document.currency,
    ...(document.taxHome ? { 'cbc:TaxCurrencyCode': document.taxHome.currency } : {}),
    ...(document.buyer.buyerReference === null ? {} : { 'cbc:BuyerReference': document.buyer.buyerReference }),
    'cac:InvoicePeriod': { 'cbc:StartDate': document.periodFrom, 'cbc:EndDate': document.periodTo },
    ...(document.buyer.orderReference === null ? {} : { 'cac:OrderReference': { 'cbc:ID': document.buyer.orderReference } }),
    ...(document.corrects ? { 'cac:BillingReference': { 'cac:InvoiceDocumentReference': { 'cbc:ID': document.corrects.number, 'cbc:IssueDate': document.corrects.issueDate } } } : {}),
    'cac:AccountingSupplierParty': { 'cac:Party': party(document.seller, document.tax, document.seller.registrationId) },
    'cac:AccountingCustomerParty': { 'cac:Party': party(document.buyer, document.tax, null) },
    'cac:PaymentMeans': paymentMeans(document),
    'cac:PaymentTerms': { 'cbc:Note': termsOf(document) },
    'cac:TaxTotal': [{ 'cbc:TaxAmount': amount(document.taxMinor), 'cac:TaxSubtotal': document.tax.map((line) => subtotal(line, amount)) }, ...(document.taxHome ? [{ 'cbc:TaxAmount': { '@currencyID': document.taxHome.currency, '#': minorText(document.taxHome.taxMinor) } }] : [])],
    'cac:LegalMonetaryTotal': {
      'cbc:LineExtensionAmount': amount(document.netMinor),
      'cbc:TaxExclusiveAmount': amount(document.netMinor),
      'cbc:TaxInclusiveAmount': amount(document.grossMinor),
      ...(document.prepaidMinor === undefined ? {} : { 'cbc:PrepaidAmount': amount(document.prepaidMinor) }),
      'cbc:PayableAmount': amount(document.grossMinor - (document.prepaidMinor ?? 0n)),
    },
    [`cac:${root}Line`]: document.lines.map((line) => lineNode(line, document, amount)),
  };
  return `${create({ version: '1.0', encoding: 'UTF-8' }, { [root]: xml }).end({ prettyPrint: true })}\n`;
}

/** Terms in words: EN 16931 wants a due date or these (BR-CO-25). */
export function termsOf({ kind, buyer, dueDate, grossMinor, prepaidMinor = 0n, toBalanceMinor = 0n }: InvoiceDocument): string {
  if (kind === 'invoice') return prepaidMinor === grossMinor ? 'Nothing is to be paid' : `Payable within ${buyer.termsDays} days, by ${dueDate}`;
  return toBalanceMinor === 0n ? 'Set against the invoice it corrects' : 'Set against what is due of the invoice it corrects; what was paid of it is in your credit balance, which pays your next invoices or is paid back when you ask';
}

const noteOf = ({ corrects, rate, currency }: InvoiceDocument): string =>
  [...(corrects ? [`Corrects ${corrects.number}: ${corrects.reason}.`] : []), currency === 'USD' ? 'Prices are in US dollars.' : `Prices were set in US dollars, converted at ${formatNanos(rate.nanosPerUsd)} ${currency} for one (${rate.source}).`].join(' ');

function party(of: Seller | Buyer, tax: readonly TaxLine[], registrationId: string | null): Node {
  // Outside the scope of VAT nobody's VAT number may be told: BR-O-02.
  const showsVat = of.vatId !== null && !tax.some(({ category }) => category === 'O');
  return {
    'cbc:EndpointID': { '@schemeID': of.electronicAddress.scheme, '#': of.electronicAddress.id },
    'cac:PartyName': { 'cbc:Name': of.name },
    'cac:PostalAddress': { 'cbc:StreetName': of.street, 'cbc:CityName': of.city, 'cbc:PostalZone': of.postalCode, 'cac:Country': { 'cbc:IdentificationCode': of.country } },
    ...(showsVat ? { 'cac:PartyTaxScheme': { 'cbc:CompanyID': of.vatId, ...vat } } : {}),
    'cac:PartyLegalEntity': { 'cbc:RegistrationName': of.name, ...(registrationId === null ? {} : { 'cbc:CompanyID': registrationId }) },
  };
}

function paymentMeans({ seller, number }: InvoiceDocument): Node {
  if (seller.bank === null) return { 'cbc:PaymentMeansCode': '1', 'cbc:PaymentID': number };
  return { 'cbc:PaymentMeansCode': '30', 'cbc:PaymentID': number, 'cac:PayeeFinancialAccount': { 'cbc:ID': seller.bank.iban, 'cac:FinancialInstitutionBranch': { 'cbc:ID': seller.bank.bic } } };
}

const rateNode = ({ category, rateBasisPoints }: TaxLine): Node => (category === 'O' ? {} : { 'cbc:Percent': percent(rateBasisPoints) });

function subtotal(line: TaxLine, amount: (minor: bigint) => Node): Node {
  return {
    'cbc:TaxableAmount': amount(line.baseMinor),
    'cbc:TaxAmount': amount(line.taxMinor),
    'cac:TaxCategory': {
      'cbc:ID': line.category,
      ...rateNode(line),
      ...(line.reasonCode === null ? {} : { 'cbc:TaxExemptionReasonCode': line.reasonCode }),
      ...(line.reason === null ? {} : { 'cbc:TaxExemptionReason': line.reason }),
      ...vat,
    },
  };
}

/** C62 = one, UN/ECE recommendation 20. */
function lineNode(line: InvoiceLine, { kind, currency, tax }: InvoiceDocument, amount: (minor: bigint) => Node): Node {
  return {
    'cbc:ID': String(line.id),
    [kind === 'invoice' ? 'cbc:InvoicedQuantity' : 'cbc:CreditedQuantity']: { '@unitCode': 'C62', '#': line.quantity.toString() },
    'cbc:LineExtensionAmount': amount(line.netMinor),
    'cac:Item': { 'cbc:Description': line.detail, 'cbc:Name': line.name, 'cac:ClassifiedTaxCategory': { 'cbc:ID': tax[0]!.category, ...rateNode(tax[0]!), ...vat } },
    'cac:Price': { 'cbc:PriceAmount': { '@currencyID': currency, '#': formatNanos(line.priceNanos) }, 'cbc:BaseQuantity': { '@unitCode': 'C62', '#': line.per.toString() } },
  };
}
