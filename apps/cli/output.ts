/** How an answer is printed: JSON as it came, or text for people. */
export type Printer = (value: unknown) => void;

export const printer = (json: boolean | undefined): Printer => (value) => console.log(json === true ? JSON.stringify(value, null, 2) : asText(value));

/** Lists as tables, objects as `name  value` lines, one level deep; what is deeper as JSON. */
export function asText(value: unknown): string {
  if (isRecord(value) && Array.isArray(value['data'])) {
    const more = value['hasMore'] === true ? '\n(more: use --after with the last id)' : '';
    return (value['data'].length === 0 ? 'none' : table(value['data'].map(asRecord))) + more;
  }
  if (isRecord(value)) {
    const width = Math.max(0, ...Object.keys(value).map((name) => name.length));
    return Object.entries(value)
      .map(([name, member]) => `${name.padEnd(width)}  ${cell(name, member)}`)
      .join('\n');
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function table(rows: readonly Record<string, unknown>[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = [names, ...rows.map((row) => names.map((name) => cell(name, row[name])))];
  const widths = names.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  return cells.map((line) => line.map((text, column) => text.padEnd(widths[column]!)).join('  ').trimEnd()).join('\n');
}

/** Times are for reading; `…Ms` in answers is Unix milliseconds. */
function cell(name: string, value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'number' && /AtMs$|FromMs$|ToMs$|SeenMs$|^timeMs$/.test(name)) return new Date(value).toISOString();
  if (typeof value === 'object') return JSON.stringify(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const asRecord = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : { value });
