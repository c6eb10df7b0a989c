import type { Json } from '../kernel/canonical-json.js';
import { bundleFormat } from './bundle.js';
import { Malformed } from './malformed.js';

/** Error: `Malformed`, naming where the value is that is not what it must be. */
export type Shape = (value: Json | undefined, at: string) => void;

const must = (holds: boolean, at: string, what: string): void => {
  if (!holds) throw new Malformed(`${at} is not ${what}`);
};
const isObject = (value: Json | undefined): value is Readonly<Record<string, Json>> => typeof value === 'object' && value !== null && !Array.isArray(value);
export const text: Shape = (value, at) => must(typeof value === 'string', at, 'text');
export const position: Shape = (value, at) => must(Number.isSafeInteger(value) && (value as number) >= 0, at, 'a position');
const fields: Shape = (value, at) => must(isObject(value), at, 'an object');
export const listOf = (item: Shape): Shape => (value, at) => {
  must(Array.isArray(value), at, 'a list');
  (value as readonly Json[]).forEach((member, n) => item(member, `${at}[${n}]`));
};
export const exactly = (members: Readonly<Record<string, Shape>>, optional: readonly string[] = []): Shape => (value, at) => {
  must(isObject(value), at, 'an object');
  const names = Object.keys(members);
  const odd = Object.keys(value as object).find((name) => !names.includes(name));
  if (odd !== undefined) throw new Malformed(`${at} has a member "${odd}" that it must not have`);
  for (const name of names) if (!optional.includes(name) || Object.hasOwn(value as object, name)) members[name]!((value as Record<string, Json>)[name], `"${name}" of ${at}`);
};
const orNull = (shape: Shape): Shape => (value, at) => (value === null ? undefined : shape(value, at));
const format: Shape = (value, at) => must(value === bundleFormat, at, bundleFormat);

const byName = (shape: Shape): Shape => (value, at) => {
  must(isObject(value), at, 'an object');
  for (const [name, member] of Object.entries(value as Record<string, Json>)) shape(member, `"${name}" of ${at}`);
};
const hex = (bytes: number, what: string): Shape => (value, at) => must(typeof value === 'string' && value.length === 2 * bytes && /^[0-9a-f]*$/.test(value), at, what);
const anyJson: Shape = (value, at) => must(value !== undefined, at, 'a value');
const commitment = hex(32, 'a commitment');
const hashesByName = byName(commitment);
export const shownBodyShape = exactly({ shown: byName(exactly({ salt: hex(16, 'a salt'), value: anyJson })), commitments: listOf(orNull(commitment)) });
export const personShape = exactly({ commitments: hashesByName, secret: orNull(text) });
const wholeBody = exactly({ secret: text, fields, person: personShape }, ['person']);
const body: Shape = (value, at) => (isObject(value) && Object.hasOwn(value, 'shown') ? shownBodyShape : wholeBody)(value, at);

export const bundleShape = exactly({
  format,
  record: text,
  logKey: text,
  witnessKeys: listOf(text),
  checkpoint: text,
  entries: listOf(exactly({ index: position, envelope: text, body: orNull(body), proof: listOf(text) })),
  earlier: listOf(exactly({ size: position, root: text, proof: listOf(text) })),
});
