import fc from 'fast-check';

export type JsonSchema = { readonly [name: string]: unknown };

/** What code that expects something else trips over. */
const odd = fc.constantFrom<unknown>(
  null, true, 0, -1, -0, 1.5, 2 ** 53, -(2 ** 63), 1e308, '', ' ', '\u0000', 'a\u0000b', '\ud800', '\u202e\u200f', '\n\r\t', '%', '%00', '..', '../..', '/', '*', '>', '.', '_', "' OR 1=1 --",
  '\\', '"', '${x}', '{{x}}', '<b>', 'NaN', '1e9', '00000000-0000-0000-0000-000000000000', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', 'x'.repeat(10_000), '\u20ac'.repeat(3_000), [], {}, [[]], [null], { length: 1e9 }, { toString: 1 },
);
/** How often something else than the schema's own stands in a place: about one body in three is then right throughout. */
const schemaWeight = 30;

/** Values of a JSON Schema, with something odd in one of about thirty places. `resolve` follows `$ref`. */
export function valuesOf(schema: JsonSchema, resolve: (reference: string) => JsonSchema, depth = 0): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: schemaWeight, arbitrary: rightValues(schema, resolve, depth) }, { weight: 1, arbitrary: odd });
}

function rightValues(schema: JsonSchema, resolve: (reference: string) => JsonSchema, depth: number): fc.Arbitrary<unknown> {
  const of = (part: unknown): fc.Arbitrary<unknown> => valuesOf(part as JsonSchema, resolve, depth + 1);
  if (depth > 6) return fc.constant(null);
  if (typeof schema['$ref'] === 'string') return of(resolve(schema['$ref']));
  if ('const' in schema) return fc.constant(schema['const']);
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]));
  const choices = (schema['anyOf'] ?? schema['oneOf']) as unknown[] | undefined;
  if (choices) return fc.oneof(...choices.map(of));
  switch (schema['type']) {
    case 'string':
      return texts(schema);
    case 'integer':
      return fc.integer(bounds(schema));
    case 'number':
      return fc.double({ ...bounds(schema), noNaN: true, noDefaultInfinity: true });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(of(schema['items'] ?? {}), { minLength: (schema['minItems'] as number | undefined) ?? 0, maxLength: Math.max(3, (schema['minItems'] as number | undefined) ?? 0) });
    case 'object':
      return objects(schema, of);
    default:
      return fc.jsonValue({ maxDepth: 3 });
  }
}

function objects(schema: JsonSchema, of: (part: unknown) => fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const properties = (schema['properties'] ?? {}) as Record<string, unknown>;
  const required = new Set((schema['required'] ?? []) as string[]);
  const members = Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, of(part)]));
  const own = fc.record(members, { requiredKeys: Object.keys(members).filter((name) => required.has(name)) });
  if (schema['additionalProperties'] === false) return own;
  return fc.tuple(own, fc.dictionary(fc.string({ maxLength: 12 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 2 })).map(([known, more]) => ({ ...more, ...known }));
}

function texts(schema: JsonSchema): fc.Arbitrary<string> {
  const { format, pattern, minLength = 0, maxLength = 60 } = schema as { format?: string; pattern?: string; minLength?: number; maxLength?: number };
  if (format === 'uuid') return fc.uuid();
  if (pattern !== undefined) {
    try {
      return fc.stringMatching(new RegExp(pattern));
    } catch {
      return fc.string();
    }
  }
  return fc.string({ unit: 'binary', minLength, maxLength: Math.max(minLength, Math.min(maxLength, 60)) });
}

function bounds({ minimum, maximum, exclusiveMinimum }: JsonSchema): { min: number; max: number } {
  const [most, least] = [2 ** 31 - 1, -(2 ** 31)];
  const min = Math.max(least, typeof minimum === 'number' ? minimum : typeof exclusiveMinimum === 'number' ? exclusiveMinimum + 1 : least);
  return { min, max: Math.max(min, Math.min(most, typeof maximum === 'number' ? maximum : most)) };
}
