/**
 * The shape of a tree, without its hashes. A full subtree is named by its level (0 is a leaf) and its index among the full
 * subtrees of that level, from the left. Positions pass 2³¹, so there are no bit operators here: safe integers and division.
 */
export interface SubtreeId {
  readonly level: number;
  readonly index: number;
}

/** The entries from `start` (inclusive) to `end` (exclusive) that share one node of the tree. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Error: `RangeError` unless `value` is a whole number from 0 to 2⁵³ − 1. */
export function checkPosition(value: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${what} ${value} is not a position in a tree`);
}

/** A size or position as protocols write it: decimal, without leading zeros. Undefined for any other text. */
export function decimalPosition(text: string): number | undefined {
  return /^(?:0|[1-9]\d{0,15})$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}

/** The largest power of two below `size`, at which a tree of `size` ≥ 2 entries splits. */
export function splitOf(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}

/** The full subtrees that make up a span which is itself a node of the tree, from the largest to the smallest. */
export function subtreesOf(span: Span): SubtreeId[] {
  const ids: SubtreeId[] = [];
  let { start } = span;
  let power = 1;
  let level = 0;
  while (power * 2 <= span.end - span.start) {
    power *= 2;
    level += 1;
  }
  while (start < span.end) {
    if (power <= span.end - start) {
      ids.push({ level, index: start / power });
      start += power;
    }
    power /= 2;
    level -= 1;
  }
  return ids;
}

/** The nodes of the inclusion proof of one entry, leaf to root (RFC 9162 §2.1.3.1). Error: `RangeError`. */
export function inclusionSpans(index: number, size: number): Span[] {
  checkPosition(index, 'index');
  checkPosition(size, 'size');
  if (index >= size) throw new RangeError(`entry ${index} is not in a tree of ${size}`);
  const spans: Span[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      spans.push({ start: middle, end });
      end = middle;
    } else {
      spans.push({ start, end: middle });
      start = middle;
    }
  }
  return spans.reverse();
}

/** The nodes of the consistency proof between two sizes (RFC 9162 §2.1.4.1); none from 0 or to itself. Error: `RangeError`. */
export function consistencySpans(oldSize: number, size: number): Span[] {
  checkPosition(oldSize, 'old size');
  checkPosition(size, 'size');
  if (oldSize > size) throw new RangeError(`a tree of ${size} does not contain one of ${oldSize}`);
  if (oldSize === 0) return [];
  const spans: Span[] = [];
  let start = 0;
  let end = size;
  while (end !== oldSize) {
    const middle = start + splitOf(end - start);
    if (oldSize <= middle) {
      spans.push({ start: middle, end });
      end = middle;
    } else {
      spans.push({ start, end: middle });
      start = middle;
    }
  }
  if (start > 0) spans.push({ start, end });
  return spans.reverse();
}
