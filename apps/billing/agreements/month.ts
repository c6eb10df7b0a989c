/** The month of UTC that a moment lies in: from `fromMs`, before `toMs`. */
export function monthOf(atMs: number): { readonly fromMs: number; readonly toMs: number } {
  const at = new Date(atMs);
  return { fromMs: Date.UTC(at.getUTCFullYear(), at.getUTCMonth()), toMs: Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1) };
}

/** The first beginning of a month that is not before a moment. */
export function monthFrom(atMs: number): number {
  const { fromMs, toMs } = monthOf(atMs);
  return fromMs === atMs ? fromMs : toMs;
}
