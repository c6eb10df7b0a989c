import type { Attribute, Attributes } from './attributes.js';

/**
 * The first way in which a value departs from its attribute table, or `undefined` when it conforms.
 * Unknown members, missing members and values of another type all count: a request the schema does not know is denied.
 */
export function departure(value: Readonly<Record<string, unknown>>, attributes: Attributes, where: string): string | undefined {
  for (const name of Object.keys(value)) {
    if (value[name] !== undefined && !Object.hasOwn(attributes, name)) return `${where} has the unknown attribute "${name}"`;
  }
  for (const name of Object.keys(attributes)) {
    const attribute = attributes[name]!;
    const member = Object.hasOwn(value, name) ? value[name] : undefined;
    if (member === undefined) {
      if (!attribute.optional) return `${where} lacks the attribute "${name}"`;
    } else if (!fits(member, attribute)) {
      return `${where}.${name} is not ${attribute.oneOf ? `one of ${attribute.oneOf.join(', ')}` : `a ${attribute.type}`}`;
    }
  }
  return undefined;
}

function fits(member: unknown, { type, oneOf }: Attribute): boolean {
  switch (type) {
    case 'String':
      return isOneOf(member, oneOf);
    case 'Long':
      return Number.isSafeInteger(member);
    case 'Bool':
      return typeof member === 'boolean';
    case 'Set<String>':
      return Array.isArray(member) && member.every((item) => isOneOf(item, oneOf));
  }
}

const loneSurrogate = /\p{Surrogate}/u;

function isOneOf(member: unknown, oneOf: readonly string[] | undefined): boolean {
  return typeof member === 'string' && (oneOf ? oneOf.includes(member) : !loneSurrogate.test(member));
}
