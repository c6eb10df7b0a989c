import { failure } from '#protocol';

/** Deeper bodies have no meaning in this API and cost stack. */
const depthMax = 64;

/** A whole number from here on may be somebody's: the shortest of those that are looked for have eight digits. */
const tellingNumber = 10_000_000;

/**
 * Every text anywhere in a body, its `model` aside, and every long whole number in its objects and lists: what a person may have written. The body's own numbers are
 * parameters (`seed`). Error: REQUEST_INVALID when nested too deep.
 */
export function writtenTexts(body: Readonly<Record<string, unknown>>): string[] {
  const texts: string[] = [];
  const open: { value: unknown; depth: number }[] = [];
  const look = (value: unknown, depth: number): void => {
    if (typeof value === 'string') texts.push(value);
    else if (typeof value === 'number' && depth > 1 && Math.abs(value) >= tellingNumber && Number.isInteger(value)) texts.push(String(Math.abs(value)));
    else if (typeof value === 'object' && value !== null) open.push({ value, depth });
  };
  for (const [name, value] of Object.entries(body)) if (name !== 'model') look(value, 1);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.depth > depthMax) throw failure('REQUEST_INVALID', `the body is nested deeper than ${depthMax}`);
    for (const [name, value] of Object.entries(next.value as object)) {
      if (!Array.isArray(next.value)) texts.push(name);
      look(value, next.depth + 1);
    }
  }
  return texts;
}
