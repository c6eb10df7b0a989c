import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { valuesOf } from './json-schema-arbitrary.js';
import type { JsonSchema } from './json-schema-arbitrary.js';

/** One endpoint of the OpenAPI document. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean; readonly schema: JsonSchema }[];
  readonly body: JsonSchema | undefined;
  /** Of the fields of a multipart form, when that is what it takes. */
  readonly form: JsonSchema | undefined;
}

/** A request as it is sent. */
export interface FuzzedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | FormFields | undefined;
}

/** Fields of a form in their order; bytes are a file. */
export type FormFields = readonly (readonly [name: string, value: string | Uint8Array])[];

/** Values that exist, by the names of the members and parameters that take them. */
export type Known = Readonly<Record<string, readonly string[]>>;

type Document = { paths: Record<string, Record<string, { parameters?: Operation['parameters']; requestBody?: { content: Partial<Record<'application/json' | 'multipart/form-data', { schema: JsonSchema }>> } }>> };

const document = JSON.parse(readFileSync('openapi.json', 'utf8')) as Document;
const resolve = (reference: string): JsonSchema => reference.slice(2).split('/').reduce<unknown>((value, member) => (value as Record<string, unknown>)[member], document) as JsonSchema;

/** Every endpoint that the committed document knows. */
export const operations: readonly Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { parameters = [], requestBody }]) => ({
    method: method.toUpperCase(),
    path,
    parameters,
    body: requestBody?.content['application/json']?.schema,
    form: requestBody?.content['multipart/form-data']?.schema,
  })),
);

/**
 * Requests for an endpoint: its own shapes with odd values among them, `known` ids among others, and now and then a body that is no JSON, or no form. Bodies have the
 * `members`, unless their own stand there.
 */
export function requestsOf({ method, path, parameters, body, form }: Operation, known: Known, members: object = {}): fc.Arbitrary<FuzzedRequest> {
  const values = Object.fromEntries(
    parameters.map(({ name, schema, in: place }) => {
      const right = valuesOf(schema, resolve);
      const ids = known[name];
      return [`${place}:${name}`, ids ? fc.oneof({ weight: 3, arbitrary: fc.constantFrom<unknown>(...ids) }, { weight: 1, arbitrary: right }) : right];
    }),
  );
  const required = parameters.filter((parameter) => parameter.required).map(({ name, in: place }) => `${place}:${name}`);
  const bodies = body ? bodiesOf(body, known, members) : form ? formsOf(form, known) : fc.constant(undefined);
  return fc.record({ chosen: fc.record(values, { requiredKeys: required }), sent: bodies }).map(({ chosen, sent }) => {
    const given = (place: string): [string, string][] => Object.entries(chosen).flatMap(([name, value]) => (name.startsWith(`${place}:`) ? [[name.slice(place.length + 1), textOf(value)]] : []));
    const query = given('query').map(([name, value]) => `${name}=${encoded(value)}`).join('&');
    const filled = given('path').reduce((rest, [name, value]) => rest.replace(`{${name}}`, encoded(value)), path);
    return {
      method,
      path: query === '' ? filled : `${filled}?${query}`,
      // What no HTTP client would send is the raw tests' business.
      headers: {
        ...(form && typeof sent === 'string' ? { 'content-type': 'multipart/form-data; boundary=x' } : {}),
        ...Object.fromEntries(given('header').map(([name, value]) => [name, value.replace(/[^\x20-\x7e]/g, '?').slice(0, 1_000)])),
      },
      body: sent,
    };
  });
}

const binary = fc.string({ unit: 'binary' });

const bodiesOf = (schema: JsonSchema, known: Known, members: object): fc.Arbitrary<string> =>
  fc.oneof({ weight: 12, arbitrary: valuesOf(schema, resolve).map((value) => JSON.stringify(withKnown(value, known, members)) ?? '') }, { weight: 1, arbitrary: binary });

/** A file is any bytes, or a real one of `known`'s. */
function formsOf(schema: JsonSchema, known: Known): fc.Arbitrary<FormFields | string> {
  const { properties, required } = schema as { properties: Record<string, JsonSchema>; required: string[] };
  const file = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(...(known['file'] ?? ['']).map((text) => Buffer.from(text, 'latin1'))));
  const fields = Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, part['format'] === 'binary' ? fc.oneof({ weight: 9, arbitrary: file }, { weight: 1, arbitrary: binary }) : valuesOf(part, resolve).map(textOf)]));
  const forms = fc.record<Record<string, string | Uint8Array>>(fields, { requiredKeys: required }).map((form) => Object.entries(form).map(([name, value]) => [name, name === 'model' ? known['model']![0]! : value] as const));
  return fc.oneof({ weight: 12, arbitrary: forms }, { weight: 1, arbitrary: binary });
}

/** Most that a limit of tokens or a number of choices is: what is tried is the way to a machine, not the machine. */
const limitMax = 8;
const limitNames = ['max_tokens', 'max_completion_tokens', 'max_output_tokens', 'n', 'best_of'];

/** Puts what exists where members are named after it, so that requests get past the first look-up, and lets no answer be long. */
function withKnown(value: unknown, known: Known, members: object): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const put = Object.entries(value).map(([name, member]: [string, unknown]) => {
    if (limitNames.includes(name) && (member === null || typeof member === 'number')) return [name, Math.min(member ?? limitMax, limitMax)];
    return [name, typeof member === 'string' && known[name] && (name === 'model' || member.length === 36) ? known[name][0] : member];
  });
  return { ...members, ...(Object.fromEntries(put) as object) };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

/** A lone surrogate has no encoding; it is sent as U+FFFD, as every client would. An empty segment would be another route. */
const encoded = (text: string): string => encodeURIComponent(Buffer.from(text === '' ? ' ' : text).toString()).slice(0, 4_000).replace(/%.?$/, '');
