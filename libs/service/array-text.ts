const plain = /^[\w:.-]+$/;

/** An array of ids or numbers as PostgreSQL reads it. The driver makes one element by element with every element quoted: most of what a batch of thousands costs. */
export const arrayOf = (values: readonly (string | number | bigint)[]): string => `{${values.join(',')}}`;

/** The same of any texts; those of letters, digits, and `_:.-` need no quotes. */
export const textsOf = (values: readonly string[]): string => arrayOf(values.map((value) => (plain.test(value) && value.toLowerCase() !== 'null' ? value : `"${value.replace(/["\\]/g, '\\$&')}"`)));

/**
 * Long byte strings as one parameter, which the driver sends as it is; `starts` and `lengths` are arrays that cut it apart again, by `substring(bytes FROM start FOR
 * length)`. In an array of their own each byte would travel as two digits, which the database reads one by one.
 */
export function slicesOf(parts: readonly Uint8Array[]): { readonly bytes: Buffer; readonly starts: string; readonly lengths: string } {
  const starts: number[] = [];
  // Counted from one.
  let next = 1;
  for (const { length } of parts) {
    starts.push(next);
    next += length;
  }
  return { bytes: Buffer.concat(parts, next - 1), starts: arrayOf(starts), lengths: arrayOf(parts.map(({ length }) => length)) };
}
