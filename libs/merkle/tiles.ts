import { checkPosition } from './subtrees.js';

/** Hashes in a full tile of C2SP tlog-tiles: height 8. */
export const tileWidth = 256;
/** Entry bundles carry the length of an entry in 16 bits. */
export const entryBytesMax = 65_535;

/** Path of tile `index` of a level (or of the entry bundle), partial when `width` is below 256. Error: `RangeError`. */
export function tilePath(level: number | 'entries', index: number, width: number = tileWidth): string {
  checkPosition(index, 'tile');
  if (width < 1 || width > tileWidth) throw new RangeError('a tile holds 1 to 256 hashes');
  const groups: string[] = [];
  for (let rest = index, first = true; first || rest > 0; rest = Math.floor(rest / 1000), first = false) {
    groups.unshift(`${first ? '' : 'x'}${(rest % 1000).toString().padStart(3, '0')}`);
  }
  return `tile/${level}/${groups.join('/')}${width === tileWidth ? '' : `.p/${width}`}`;
}

/** Hashes in the last, partial tile of each level of a tree, from level 0 up; 0 means that no partial tile is served. */
export function partialWidths(size: number): number[] {
  checkPosition(size, 'size');
  const widths: number[] = [];
  for (let rest = size; rest > 0; rest = Math.floor(rest / tileWidth)) widths.push(rest % tileWidth);
  return widths;
}

/** Entries, each as its big-endian 16-bit length and its bytes. Error: `RangeError` when one is too long. */
export function packBundle(entries: readonly Uint8Array[]): Uint8Array {
  const bundle = new Uint8Array(entries.reduce((length, entry) => length + 2 + entry.length, 0));
  let offset = 0;
  for (const entry of entries) {
    if (entry.length > entryBytesMax) throw new RangeError(`an entry has at most ${entryBytesMax} bytes`);
    bundle[offset] = Math.floor(entry.length / 256);
    bundle[offset + 1] = entry.length % 256;
    bundle.set(entry, offset + 2);
    offset += 2 + entry.length;
  }
  return bundle;
}

/** Inverse of {@link packBundle}: views of the bundle, which are not copied. Error: `RangeError` when the bytes end early. */
export function unpackBundle(bundle: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = [];
  let offset = 0;
  while (offset < bundle.length) {
    const end = offset + 2 + (bundle[offset]! * 256 + (bundle[offset + 1] ?? 0));
    if (offset + 2 > bundle.length || end > bundle.length) throw new RangeError('the bundle ends inside an entry');
    entries.push(bundle.subarray(offset + 2, end));
    offset = end;
  }
  return entries;
}
