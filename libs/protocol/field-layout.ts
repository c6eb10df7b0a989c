import { canonicalJson } from '#kernel';
import type { Json } from '#kernel';

/** The fields of a record's body. */
export type RecordFields = Readonly<Record<string, Json>>;

/** Where a field is found, and its name as the commitment and as the body write it. */
export interface FieldPlace {
  readonly part: number;
  readonly name: string;
  readonly hashed: string;
  readonly quoted: string;
}

/** Records of one kind have the same names again and again; there are some dozens of kinds. */
const layouts = new Map<string, readonly FieldPlace[]>();
const layoutsMax = 512;

/** The fields of several parts in the order of RFC 8785; of those with one name, the last. One whose value is `undefined` is in it and is none. */
export function layoutOf(parts: readonly RecordFields[]): readonly FieldPlace[] {
  let key = '';
  for (const part of parts) {
    for (const name of Object.keys(part)) key += `${name.length}:${name}`;
    key += ';';
  }
  const known = layouts.get(key);
  if (known !== undefined) return known;
  const partOf = new Map(parts.flatMap((part, at) => Object.keys(part).map((name) => [name, at] as const)));
  const layout = [...partOf.keys()].sort().map((name) => ({ part: partOf.get(name)!, name, hashed: `${name}\0`, quoted: `${JSON.stringify(name)}:` }));
  if (layouts.size >= layoutsMax) layouts.clear();
  layouts.set(key, layout);
  return layout;
}

const texts = new WeakMap<object, string>();

/** A value that nobody changes any more, and that many records have: its text is written once. */
export function unchanging<V extends Json & object>(value: V): V {
  texts.set(value, canonicalJson(value));
  return value;
}

/** RFC 8785 text of a field's value. */
export const textOf = (value: Json): string => (typeof value === 'object' && value !== null ? texts.get(value) : undefined) ?? canonicalJson(value);
