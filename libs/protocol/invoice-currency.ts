import { z } from 'zod';

/** Currencies of invoices: all have hundredths, as EN 16931 writes amounts. */
export const invoiceCurrencies = ['USD', 'EUR', 'GBP', 'CHF', 'AED', 'SAR', 'SEK', 'DKK', 'NOK', 'PLN', 'CZK', 'HUF', 'RON'] as const;
export const invoiceCurrency = z.enum(invoiceCurrencies);
export type InvoiceCurrency = z.output<typeof invoiceCurrency>;
