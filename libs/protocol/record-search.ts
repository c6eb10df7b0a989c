import { z } from 'zod';
import type { Json } from '#kernel';
import { isUuidAsRead, nanos, timeMs, uuid } from './scalars.js';
import { dataClass, dataClasses, endpoint, endpoints } from './vocabulary.js';

const textMax = 200;
/** Policies that an entry is found by beside the first: a decision of hundreds is found by so many of them. */
const morePoliciesMax = 63;
const decimal = /^-?\d{1,18}$/;

/**
 * What of a sealed body its own organisation may search by. It travels and is kept in clear, so it holds pseudonyms and facts about the deployment
 * only: never purpose, subject, tags or anything a person wrote.
 */
export const searchTerms = z.object({
  project: uuid.optional(),
  /** The principal: the key that asked, or that made the change. */
  keyId: uuid.optional(),
  model: z.string().max(textMax).optional(),
  endpoint: endpoint.optional(),
  dataClass: dataClass.optional(),
  decision: z.enum(['permit', 'deny']).optional(),
  policyVersion: z.int().nonnegative().optional(),
  /** The first of the policies that decided. */
  policy: z.string().max(textMax).optional(),
  /** The others. */
  morePolicies: z.array(z.string().max(textMax)).max(morePoliciesMax).optional(),
  network: z.string().max(textMax).optional(),
  region: z.string().max(textMax).optional(),
  node: uuid.optional(),
  /** A decimal number: records are written out without their schema, which would take a bigint for it. */
  costNanos: z.string().regex(decimal).optional(),
  /** The key of whom the data is about: random, and leads to nobody once that person is erased. */
  personKey: uuid.optional(),
});
export type SearchTerms = z.output<typeof searchTerms>;

type Fields = Readonly<Record<string, Json | undefined>>;

/** Reads the terms out of a body's fields, which carry the same names in every type of record; what does not fit is left out. Of fields with one name in several parts, the last counts. */
export function searchTermsOf(...parts: readonly Fields[]): SearchTerms {
  const field = (name: string): Json | undefined => {
    for (let at = parts.length - 1; at >= 0; at -= 1) if (Object.hasOwn(parts[at]!, name)) return parts[at]![name];
    return undefined;
  };
  const member = (name: string, of: string): Json | undefined => (field(name) as Record<string, Json> | null | undefined)?.[of];
  const terms: Record<string, Json> = {};
  const add = (name: keyof SearchTerms, value: Json | undefined): void => {
    if (value !== undefined && value !== null && fits[name](value)) terms[name] = value;
  };
  const [policy, ...morePolicies] = policiesOf(field('policies'));
  add('project', field('project') ?? member('principal', 'project'));
  add('keyId', field('keyId') ?? member('principal', 'keyId') ?? member('actor', 'keyId') ?? field('by'));
  for (const name of named) add(name, field(name));
  add('policy', policy);
  if (morePolicies.length > 0) add('morePolicies', morePolicies);
  for (const name of ofMachine) add(name, member('machine', name));
  add('costNanos', field('chargeNanos'));
  return terms;
}

const named = ['model', 'endpoint', 'dataClass', 'decision', 'policyVersion'] as const;
const ofMachine = ['network', 'region', 'node'] as const;

const isText = (value: Json): boolean => typeof value === 'string' && value.length <= textMax;
const isOneOf = (options: readonly string[]) => (value: Json): boolean => typeof value === 'string' && options.includes(value);

/** As the schema has it, without its cost: this is done for each request. What does not fit would make the whole record one that nobody reads. */
const fits: Record<keyof SearchTerms, (value: Json) => boolean> = {
  project: isUuidAsRead,
  keyId: isUuidAsRead,
  model: isText,
  endpoint: isOneOf(endpoints),
  dataClass: isOneOf(dataClasses),
  decision: isOneOf(['permit', 'deny']),
  policyVersion: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  policy: isText,
  morePolicies: () => true,
  network: isText,
  region: isText,
  node: isUuidAsRead,
  costNanos: (value) => typeof value === 'string' && decimal.test(value),
  personKey: isUuidAsRead,
};

/** Whether a value of JSON is terms, and nothing beside them. */
export function isPlainTerms(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  for (const [name, term] of Object.entries(value as Readonly<Record<string, Json>>)) {
    if (!Object.hasOwn(fits, name)) return false;
    if (name === 'morePolicies' ? !isListOfPolicies(term) : !fits[name as keyof SearchTerms](term)) return false;
  }
  return true;
}

const isListOfPolicies = (value: Json): boolean => Array.isArray(value) && value.length <= morePoliciesMax && (value as readonly Json[]).every(isText);

/** Ids of the policies that decided, each once. */
function policiesOf(policies: Json | undefined): string[] {
  if (!Array.isArray(policies)) return [];
  const ids = (policies as readonly ({ id?: Json } | null)[]).map((policy) => policy?.id).filter((id): id is string => typeof id === 'string' && id.length <= textMax);
  return [...new Set(ids)].slice(0, morePoliciesMax + 1);
}

/** What entries are searched by, beside organisation and type: all that is given must hold. Times and costs are inclusive bounds. */
export const searchFilter = z.object({
  record: uuid.optional(),
  fromMs: timeMs.optional(),
  untilMs: timeMs.optional(),
  project: uuid.optional(),
  keyId: uuid.optional(),
  model: z.string().min(1).max(200).optional(),
  network: z.string().min(1).max(120).optional(),
  region: z.string().min(1).max(120).optional(),
  decision: z.enum(['permit', 'deny']).optional(),
  policy: z.string().min(1).max(200).optional(),
  policyVersion: z.int().nonnegative().max(2 ** 31 - 1).optional(),
  costMinNanos: nanos.optional(),
  costMaxNanos: nanos.optional(),
});
export type SearchFilter = z.output<typeof searchFilter>;

const number = (schema: z.ZodInt) => z.coerce.number<string>().pipe(schema);

/** The same as query parameters, where numbers are text. */
export const searchQuery = z.object({
  ...searchFilter.shape,
  fromMs: number(timeMs).optional(),
  untilMs: number(timeMs).optional(),
  policyVersion: number(z.int().nonnegative().max(2 ** 31 - 1)).optional(),
});
