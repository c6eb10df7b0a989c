import { convert } from 'xmlbuilder2';

type Tree = Record<string, unknown>;

/** What stands at a path of element names (prefixes left out), every occurrence. */
function at(tree: unknown, path: string): unknown[] {
  return path.split('/').reduce<unknown[]>((nodes, name) => nodes.flatMap((node) => (typeof node === 'object' && node !== null ? [(node as Tree)[name] ?? []].flat() : [])), [tree]);
}
const textOf = (node: unknown): string => {
  const value = typeof node === 'object' && node !== null ? (node as Tree)['#'] : node;
  return typeof value === 'string' ? value : '';
};
const texts = (tree: unknown, path: string): string[] => at(tree, path).map(textOf);
const one = (tree: unknown, path: string): string => texts(tree, path)[0] ?? '';
/** Millionths: amounts are exact. */
const number = (text: string): bigint => {
  const [whole, fraction = ''] = text.replace('-', '').split('.');
  return BigInt(`${text.startsWith('-') ? '-' : ''}${whole}${fraction.padEnd(9, '0')}`);
};
const sum = (values: readonly string[]): bigint => values.reduce((total, value) => total + number(value), 0n);
const near = (a: bigint, b: bigint, within: bigint): boolean => (a > b ? a - b : b - a) <= within;
const cent = 10_000_000n;

type Rule = readonly [id: string, holds: (tree: Tree, line: string) => boolean];
const seller = 'AccountingSupplierParty/Party';
const buyer = 'AccountingCustomerParty/Party';
const total = (tree: Tree, name: string): bigint => number(one(tree, `LegalMonetaryTotal/${name}`));
const subtotals = (tree: Tree): unknown[] => at(at(tree, 'TaxTotal')[0], 'TaxSubtotal');
const categories = (tree: Tree): string[] => subtotals(tree).map((part) => one(part, 'TaxCategory/ID'));
const without = (category: string, holds: (tree: Tree) => boolean) => (tree: Tree): boolean => !categories(tree).includes(category) || holds(tree);
const vatOf = (tree: Tree, party: string): string => one(tree, `${party}/PartyTaxScheme/CompanyID`);

/** Rules of EN 16931 and Peppol BIS Billing 3 that an invoice of ours can break, by their ids there. */
const rules: readonly Rule[] = [
  ['BR-01', (tree) => one(tree, 'CustomizationID') !== ''],
  ['BR-02', (tree) => one(tree, 'ID') !== ''],
  ['BR-03', (tree) => /^\d{4}-\d\d-\d\d$/.test(one(tree, 'IssueDate'))],
  ['BR-04', (tree) => ['380', '381'].includes(one(tree, 'InvoiceTypeCode') || one(tree, 'CreditNoteTypeCode'))],
  ['BR-05', (tree) => /^[A-Z]{3}$/.test(one(tree, 'DocumentCurrencyCode'))],
  ['BR-06', (tree) => one(tree, `${seller}/PartyLegalEntity/RegistrationName`) !== ''],
  ['BR-07', (tree) => one(tree, `${buyer}/PartyLegalEntity/RegistrationName`) !== ''],
  ['BR-09', (tree) => one(tree, `${seller}/PostalAddress/Country/IdentificationCode`).length === 2],
  ['BR-11', (tree) => one(tree, `${buyer}/PostalAddress/Country/IdentificationCode`).length === 2],
  ['BR-16', (tree, line) => at(tree, line).length > 0],
  ['BR-21..26', (tree, line) => at(tree, line).every((part) => ['ID', 'LineExtensionAmount', 'Item/Name', 'Price/PriceAmount'].every((name) => one(part, name) !== '') && (one(part, 'InvoicedQuantity') || one(part, 'CreditedQuantity')) !== '')],
  ['BR-27', (tree, line) => texts(tree, `${line}/Price/PriceAmount`).every((price) => number(price) >= 0n)],
  ['BR-29', (tree) => one(tree, 'InvoicePeriod/StartDate') <= one(tree, 'InvoicePeriod/EndDate')],
  ['BR-45..48', (tree) => subtotals(tree).every((part) => ['TaxableAmount', 'TaxAmount', 'TaxCategory/ID'].every((name) => one(part, name) !== '') && (one(part, 'TaxCategory/ID') === 'O' || one(part, 'TaxCategory/Percent') !== ''))],
  ['BR-53', (tree) => (one(tree, 'TaxCurrencyCode') === '') === (at(tree, 'TaxTotal').length === 1)],
  ['BR-55', (tree) => one(tree, 'CreditNoteTypeCode') === '' || one(tree, 'BillingReference/InvoiceDocumentReference/ID') !== ''],
  ['BR-61', (tree) => one(tree, 'PaymentMeans/PaymentMeansCode') !== '30' || one(tree, 'PaymentMeans/PayeeFinancialAccount/ID') !== ''],
  ['BR-CO-09', (tree) => [seller, buyer].every((party) => vatOf(tree, party) === '' || /^[A-Z]{2}/.test(vatOf(tree, party)))],
  ['BR-CO-10', (tree, line) => total(tree, 'LineExtensionAmount') === sum(texts(tree, `${line}/LineExtensionAmount`))],
  ['BR-CO-13', (tree) => total(tree, 'TaxExclusiveAmount') === total(tree, 'LineExtensionAmount')],
  ['BR-CO-14', (tree) => number(one(at(tree, 'TaxTotal')[0], 'TaxAmount')) === sum(subtotals(tree).map((part) => one(part, 'TaxAmount')))],
  ['BR-CO-15', (tree) => total(tree, 'TaxInclusiveAmount') === total(tree, 'TaxExclusiveAmount') + number(one(at(tree, 'TaxTotal')[0], 'TaxAmount'))],
  ['BR-CO-16', (tree) => total(tree, 'PayableAmount') === total(tree, 'TaxInclusiveAmount') - number(one(tree, 'LegalMonetaryTotal/PrepaidAmount') || '0')],
  ['BR-CO-17', (tree) => subtotals(tree).every((part) => near(number(one(part, 'TaxAmount')) * 100n * 1_000_000_000n, number(one(part, 'TaxableAmount')) * number(one(part, 'TaxCategory/Percent') || '0'), (cent / 2n) * 100n * 1_000_000_000n))],
  ['BR-CO-18', (tree) => subtotals(tree).length > 0],
  ['BR-CO-25', (tree) => total(tree, 'PayableAmount') <= 0n || one(tree, 'DueDate') !== '' || one(tree, 'PaymentTerms/Note') !== ''],
  ['BR-CO-26', (tree) => one(tree, `${seller}/PartyLegalEntity/CompanyID`) !== '' || vatOf(tree, seller) !== ''],
  ['BR-DEC', (tree, line) => [...texts(tree, `${line}/LineExtensionAmount`), ...['LineExtensionAmount', 'TaxExclusiveAmount', 'TaxInclusiveAmount', 'PayableAmount'].flatMap((name) => texts(tree, `LegalMonetaryTotal/${name}`)), ...texts(tree, 'TaxTotal/TaxAmount')].every((amount) => /^-?\d+\.\d\d$/.test(amount))],
  ['BR-S-02', without('S', (tree) => vatOf(tree, seller) !== '')],
  ['BR-S-05', without('S', (tree) => subtotals(tree).every((part) => number(one(part, 'TaxCategory/Percent')) > 0n))],
  ['BR-S-10', without('S', (tree) => subtotals(tree).every((part) => one(part, 'TaxCategory/TaxExemptionReason') === ''))],
  ['BR-Z-10', without('Z', (tree) => subtotals(tree).every((part) => one(part, 'TaxCategory/TaxExemptionReason') === '' && number(one(part, 'TaxAmount')) === 0n))],
  ['BR-E-10', without('E', (tree) => subtotals(tree).every((part) => one(part, 'TaxCategory/TaxExemptionReason') !== ''))],
  ['BR-AE-02', without('AE', (tree) => vatOf(tree, seller) !== '' && vatOf(tree, buyer) !== '')],
  ['BR-AE-10', without('AE', (tree) => subtotals(tree).every((part) => one(part, 'TaxCategory/TaxExemptionReasonCode') === 'VATEX-EU-AE'))],
  ['BR-O-02', without('O', (tree) => vatOf(tree, seller) === '' && vatOf(tree, buyer) === '')],
  ['BR-O-05', without('O', (tree) => subtotals(tree).every((part) => one(part, 'TaxCategory/Percent') === ''))],
  ['BR-O-11', without('O', (tree) => subtotals(tree).length === 1)],
  ['BR-S-01', (tree, line) => texts(tree, `${line}/Item/ClassifiedTaxCategory/ID`).every((category) => categories(tree).includes(category))],
  ['BR-S-08', (tree, line) => sum(subtotals(tree).map((part) => one(part, 'TaxableAmount'))) === sum(texts(tree, `${line}/LineExtensionAmount`))],
  ['PEPPOL-EN16931-R001', (tree) => one(tree, 'ProfileID').startsWith('urn:fdc:peppol.eu:2017:poacc:billing:')],
  ['PEPPOL-EN16931-R003', (tree) => one(tree, 'BuyerReference') !== '' || one(tree, 'OrderReference/ID') !== ''],
  ['PEPPOL-EN16931-R010', (tree) => one(tree, `${buyer}/EndpointID`) !== ''],
  ['PEPPOL-EN16931-R020', (tree) => one(tree, `${seller}/EndpointID`) !== ''],
  ['PEPPOL-EN16931-R005', (tree) => one(tree, 'TaxCurrencyCode') !== one(tree, 'DocumentCurrencyCode')],
  [
    'PEPPOL-EN16931-R120',
    (tree, line) =>
      at(tree, line).every((part) => {
        const quantity = number(one(part, 'InvoicedQuantity') || one(part, 'CreditedQuantity'));
        return near((quantity * number(one(part, 'Price/PriceAmount'))) / number(one(part, 'Price/BaseQuantity')), number(one(part, 'LineExtensionAmount')), 2n * cent);
      }),
  ],
  ['PEPPOL-EN16931-R121', (tree, line) => texts(tree, `${line}/Price/BaseQuantity`).every((per) => number(per) > 0n)],
];

/** Ids of the rules that a UBL document breaks. */
export function brokenRules(xml: string): string[] {
  const plain = xml.replaceAll(/<(\/?)c[ab]c:/g, '<$1');
  const root = convert(plain, { format: 'object' }) as Tree;
  const [name] = Object.keys(root);
  return rules.filter(([, holds]) => !holds(root[name!] as Tree, `${name}Line`)).map(([id]) => id);
}
