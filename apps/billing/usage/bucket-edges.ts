import type { BucketWidth } from '#protocol';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Where the bucket begins that holds a time, in UTC. */
export function bucketStart(atMs: number, width: BucketWidth): number {
  if (width === '1mo') {
    const at = new Date(atMs);
    return Date.UTC(at.getUTCFullYear(), at.getUTCMonth());
  }
  const lengthMs = width === '1h' ? hourMs : dayMs;
  return atMs - (atMs % lengthMs);
}

/** Where the bucket after it begins. */
export function nextStart(startMs: number, width: BucketWidth): number {
  if (width !== '1mo') return startMs + (width === '1h' ? hourMs : dayMs);
  const start = new Date(startMs);
  return Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1);
}

/** Starts of the buckets that hold a time from `fromMs` to before `toMs`, at most `limit`, and the end of the last; and where a next page begins. */
export function bucketEdges(fromMs: number, toMs: number, width: BucketWidth, limit: number): { edgesMs: number[]; nextMs: number | null } {
  const edgesMs = [bucketStart(fromMs, width)];
  while (edgesMs.at(-1)! < toMs && edgesMs.length <= limit) edgesMs.push(nextStart(edgesMs.at(-1)!, width));
  const endMs = edgesMs.at(-1)!;
  return { edgesMs, nextMs: endMs < toMs ? endMs : null };
}
