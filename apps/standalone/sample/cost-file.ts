import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseNanos } from '#kernel';

export interface CostFile {
  readonly file: string;
  readonly rows: number;
  /** What the file says was charged to the project, all rows together: in dollars, in which everything is priced, also where the invoice is in another currency. */
  readonly billedNanos: bigint;
}

/** Cells of a line of CSV; a line ends where no quote is open. */
const cellsOf = (line: string): string[] => [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map(([, cell]) => (cell!.startsWith('"') ? cell!.slice(1, -1).replaceAll('""', '"') : cell!));

/** Reads a FOCUS file as a finance department's tool would: by the names of its columns. Error: a column is missing. */
export function readCosts(csv: string, project: string): { rows: number; billedNanos: bigint } {
  const [names, ...lines] = csv.trimEnd().split('\r\n').map(cellsOf);
  const column = (name: string): number => {
    const index = names!.indexOf(name);
    if (index < 0) throw new Error(`the cost file has no column ${name}`);
    return index;
  };
  const [cost, currency, account] = [column('PricingCurrencyEffectiveCost'), column('PricingCurrency'), column('SubAccountId')];
  const own = lines.filter((cells) => cells[account] === project && cells[currency] === 'USD');
  return { rows: own.length, billedNanos: own.reduce((sum, cells) => sum + parseNanos(cells[cost]!), 0n) };
}

/** Leaves the file as `focus.csv` in the directory. */
export function writeCosts(csv: string, project: string, outDir: string): CostFile {
  mkdirSync(outDir, { recursive: true });
  const file = join(outDir, 'focus.csv');
  writeFileSync(file, csv);
  return { file, ...readCosts(csv, project) };
}
