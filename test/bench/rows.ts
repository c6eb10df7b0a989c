/** One line of the table: a figure beside its goal. */
export interface Row {
  readonly measure: string;
  readonly value: number;
  readonly goal: string;
  readonly holds: boolean;
}

export type Goal = { readonly atLeast: number } | { readonly atMost: number };

/** Whether a goal is met is computed, never said. A figure that is none meets no goal. */
export function row(measure: string, value: number, goal: Goal, unit = ''): Row {
  const [sign, bound] = 'atLeast' in goal ? ['≥', goal.atLeast] : ['≤', goal.atMost];
  return { measure, value: Number(value.toPrecision(4)), goal: `${sign} ${bound}${unit}`, holds: 'atLeast' in goal ? value >= bound : value <= bound };
}

/** The middle one; of an even number the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(half)]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

export function table(rows: readonly Row[]): string {
  const lines = rows.map(({ measure, value, goal, holds }) => `| ${measure} | ${value} | ${goal} | ${holds ? 'holds' : 'missed'} |`);
  return ['| measure | figure | goal | |', '|---|---|---|---|', ...lines].join('\n');
}
