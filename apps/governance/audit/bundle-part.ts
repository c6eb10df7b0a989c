import { packBundle } from '#merkle';

/** A third more in base64, and still below the 1 MiB of a message; an entry is at most 64 KiB of it. */
export const bundlePartBytesMax = 640 * 1024;

/** Packs as many of the entries, of which the first is number `from` of its bundle, as fit; at least one. `next` is null when all do. */
export function bundlePart(entries: readonly Uint8Array[], from: number, bytesMax: number = bundlePartBytesMax): { bundle: Uint8Array; next: number | null } {
  let bytes = 0;
  let count = 0;
  while (count < entries.length) {
    bytes += 2 + entries[count]!.length;
    if (count > 0 && bytes > bytesMax) break;
    count += 1;
  }
  return { bundle: packBundle(entries.slice(0, count)), next: count === entries.length ? null : from + count };
}
