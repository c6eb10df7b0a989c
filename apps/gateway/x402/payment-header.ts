import type { z } from 'zod';
import { failure, paymentPayload, x402Headers } from '#protocol';
import type { PaymentPayload } from '#protocol';

/** JSON in base64, as x402's headers carry it. */
export const toHeader = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64');

/** The payment that a request carries, if it does. Error: HEADER_INVALID. */
export function paymentOf(headers: Readonly<Record<string, string | string[] | undefined>>): PaymentPayload | undefined {
  const text = headers[x402Headers.signature];
  if (text === undefined) return undefined;
  const parsed = paymentPayload.safeParse(typeof text === 'string' ? jsonOf(text) : undefined);
  if (!parsed.success) throw failure('HEADER_INVALID', `PAYMENT-SIGNATURE must be a payment of x402 version 2, as JSON in base64: ${firstOf(parsed.error)}`, { param: x402Headers.signature });
  return parsed.data;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64').toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

function firstOf({ issues }: z.ZodError): string {
  const { path, message } = issues[0]!;
  return path.length === 0 ? message : `${path.join('.')}: ${message}`;
}
