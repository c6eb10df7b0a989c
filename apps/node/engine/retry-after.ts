/** Milliseconds after which an engine wants to be asked again, by its `retry-after-ms` or `retry-after` (seconds, or a date); `undefined`: it does not say. */
export function retryAfterMs(headers: Readonly<Record<string, string | string[] | undefined>>, nowMs: number): number | undefined {
  const one = (name: string): string | undefined => [headers[name]].flat()[0]?.trim();
  const ms = number(one('retry-after-ms'));
  if (ms !== undefined) return ms;
  const after = one('retry-after');
  const seconds = number(after);
  if (seconds !== undefined) return seconds * 1_000;
  const atMs = after === undefined ? NaN : Date.parse(after);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

const number = (text: string | undefined): number | undefined => (text !== undefined && /^\d{1,12}(\.\d{1,6})?$/.test(text) ? Number(text) : undefined);
