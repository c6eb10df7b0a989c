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
}

/** A request as it is sent. */
export interface FuzzedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
}

type Document = { paths: Record<string, Record<string, { parameters?: Operation['parameters']; requestBody?: { content: { 'application/json': { schema: JsonSchema } } } }>> };

const document = JSON.parse(readFileSync('openapi.json', 'utf8')) as Document;
const resolve = (reference: string): JsonSchema => reference.slice(2).split('/').reduce<unknown>((value, member) => (value as Record<string, unknown>)[member], document) as JsonSchema;

/** Every endpoint that the committed document knows. */
export const operations: readonly Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { parameters = [], requestBody }]) => ({ method: method.toUpperCase(), path, parameters, body: requestBody?.content['application/json']?.schema })),
);

/** Requests for an endpoint: its own shapes with odd values among them, `known` ids among others, and now and then a body that is no JSON. */
export function requestsOf({ method, path, parameters, body }: Operation, known: Readonly<Record<string, readonly string[]>>): fc.Arbitrary<FuzzedRequest> {
  const values = Object.fromEntries(
    parameters.map(({ name, schema, in: place }) => {
      const right = valuesOf(schema, resolve);
      const ids = known[name];
      return [`${place}:${name}`, ids ? fc.oneof({ weight: 3, arbitrary: fc.constantFrom<unknown>(...ids) }, { weight: 1, arbitrary: right }) : right];
    }),
  );
  const required = parameters.filter((parameter) => parameter.required).map(({ name, in: place }) => `${place}:${name}`);
  const json = body === undefined ? fc.constant(undefined) : valuesOf(body, resolve).map((value) => JSON.stringify(withKnown(value, known)));
  const bodies = body === undefined ? json : fc.oneof({ weight: 12, arbitrary: json }, { weight: 1, arbitrary: fc.string({ unit: 'binary' }) });
  return fc.record({ chosen: fc.record(values, { requiredKeys: required }), sent: bodies }).map(({ chosen, sent }) => {
    const given = (place: string): [string, string][] => Object.entries(chosen).flatMap(([name, value]) => (name.startsWith(`${place}:`) ? [[name.slice(place.length + 1), textOf(value)]] : []));
    const query = given('query').map(([name, value]) => `${name}=${encoded(value)}`).join('&');
    const filled = given('path').reduce((rest, [name, value]) => rest.replace(`{${name}}`, encoded(value)), path);
    return {
      method,
      path: query === '' ? filled : `${filled}?${query}`,
      // What no HTTP client would send is the raw tests' business.
      headers: Object.fromEntries(given('header').map(([name, value]) => [name, value.replace(/[^\x20-\x7e]/g, '?').slice(0, 1_000)])),
      body: sent,
    };
  });
}

/** Puts ids that exist where members are named after them, so that requests get past the first look-up. */
function withKnown(value: unknown, known: Readonly<Record<string, readonly string[]>>): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, typeof member === 'string' && known[name] && member.length === 36 ? known[name][0] : member]));
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

/** A lone surrogate has no encoding; it is sent as U+FFFD, as every client would. An empty segment would be another route. */
const encoded = (text: string): string => encodeURIComponent(Buffer.from(text === '' ? ' ' : text).toString()).slice(0, 4_000).replace(/%.?$/, '');
