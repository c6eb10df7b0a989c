import { z } from 'zod';
import type { Json } from '#kernel';
import { nanos, timeMs, uuid } from './scalars.js';
import { dataClass, endpoint } from './vocabulary.js';

const textMax = 200;
const decimal = /^-?\d{1,18}$/;

/**
 * What of a sealed body its own organisation may search by. It travels and is kept in clear, so it holds pseudonyms and facts about the deployment
 * only: never purpose, subject, tags or anything a person wrote.
 */
export const searchTerms = z.object({
  project: uuid.optional(),
  /** The principal: the key that asked. */
  keyId: uuid.optional(),
  model: z.string().max(textMax).optional(),
  endpoint: endpoint.optional(),
  dataClass: dataClass.optional(),
  decision: z.enum(['permit', 'deny']).optional(),
  policyVersion: z.int().nonnegative().optional(),
  /** The first of the policies that decided. */
  policy: z.string().max(textMax).optional(),
  network: z.string().max(textMax).optional(),
  region: z.string().max(textMax).optional(),
  node: uuid.optional(),
  /** A decimal number: records are written out without their schema, which would take a bigint for it. */
  costNanos: z.string().regex(decimal).optional(),
  /** The key of whom the data is about: random, and leads to nobody once that person is erased. */
  personKey: uuid.optional(),
});
export type SearchTerms = z.output<typeof searchTerms>;

/** Reads the terms out of a body's fields, which carry the same names in every type of record; what does not fit is left out. */
export function searchTermsOf(fields: Readonly<Record<string, Json | undefined>>): SearchTerms {
  const { principal, machine, policies } = fields as Record<string, Record<string, Json> | undefined>;
  const [policy] = Array.isArray(policies) ? (policies as { id?: Json }[]) : [];
  const found = {
    project: fields['project'] ?? principal?.['project'],
    keyId: fields['keyId'] ?? principal?.['keyId'],
    model: fields['model'],
    endpoint: fields['endpoint'],
    dataClass: fields['dataClass'],
    decision: fields['decision'],
    policyVersion: fields['policyVersion'],
    policy: policy?.id,
    network: machine?.['network'],
    region: machine?.['region'],
    node: machine?.['node'],
    costNanos: typeof fields['chargeNanos'] === 'string' && decimal.test(fields['chargeNanos']) ? fields['chargeNanos'] : undefined,
  };
  const fits = (name: string, value: unknown): boolean => (name === 'policyVersion' ? typeof value === 'number' : typeof value === 'string' && value.length <= textMax);
  return Object.fromEntries(Object.entries(found).filter(([name, value]) => fits(name, value)));
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
