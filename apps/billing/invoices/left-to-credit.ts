import { failure } from '#protocol';
import type { InvoiceDocument } from '#protocol';

/** What a new credit note takes of each line, by line. Error: REQUEST_INVALID when a line has less left, or its sign differs. */
export function leftToCredit(of: InvoiceDocument, before: readonly InvoiceDocument[], asked: readonly { line: number; netMinor: bigint }[] | undefined): Map<number, bigint> {
  const left = new Map(of.lines.map(({ id, netMinor }) => [id, netMinor]));
  for (const { lines } of before) for (const { id, netMinor } of lines) left.set(id, (left.get(id) ?? 0n) - netMinor);
  if (asked === undefined) return left;
  const credited = new Map<number, bigint>();
  for (const { line, netMinor } of asked) {
    const has = (left.get(line) ?? 0n) - (credited.get(line) ?? 0n);
    if (has > 0n ? netMinor < 0n || netMinor > has : netMinor > 0n || netMinor < has) throw failure('REQUEST_INVALID', `line ${line} has ${has} hundredths left to be credited`, { param: 'lines' });
    credited.set(line, (credited.get(line) ?? 0n) + netMinor);
  }
  return credited;
}
