import type { Buyer, Seller } from '#protocol';

export const frankfurt: Seller = {
  name: 'Mizan Europe GmbH',
  registrationId: 'HRB 123456',
  street: 'Neue Mainzer Str. 1',
  city: 'Frankfurt am Main',
  postalCode: '60311',
  country: 'DE',
  vatId: 'DE123456789',
  electronicAddress: { scheme: '9930', id: 'DE123456789' },
  bank: { iban: 'DE89370400440532013000', bic: 'COBADEFFXXX' },
  numberPrefix: 'MZE',
};

export const bank: Buyer = {
  name: 'Rhein Bank AG',
  street: 'Domplatz 3',
  city: 'Köln',
  postalCode: '50667',
  country: 'DE',
  vatId: 'DE987654328',
  electronicAddress: { scheme: 'EM', id: 'invoices@rheinbank.example' },
  buyerReference: '04011000-12345-34',
  orderReference: 'PO 77 & 78',
  currency: 'EUR',
  termsDays: 30,
  exemption: null,
};
