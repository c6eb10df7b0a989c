import { failure } from '#protocol';

/** As long as the peers' that have them; printable ASCII. */
const form = /^[\x21-\x7e]{1,255}$/;

/** The `Idempotency-Key` of a request, if it has one. Error: HEADER_INVALID. */
export function idempotencyKey(headers: Readonly<Record<string, string | string[] | undefined>>): string | undefined {
  const value = headers['idempotency-key'];
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !form.test(value)) throw failure('HEADER_INVALID', 'Idempotency-Key must be 1 to 255 printable ASCII characters without spaces', { param: 'idempotency-key' });
  return value;
}
