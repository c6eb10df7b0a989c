import { contextAttributes, offerAttributes, principalAttributes } from './attributes.js';
import type { Attributes } from './attributes.js';
import type { CedarRecord } from './cedar-request.js';
import type { PolicyReads, Reads } from './reads.js';

/**
 * Keys of the classes within which a policy set cannot tell two requests apart: the attributes of the schema that the
 * set reads, and of sets asked only about literals those literals. Equal keys mean equal decisions.
 */
export const principalClass = (reads: PolicyReads, id: string, record: CedarRecord): string => classKey(reads.principal, principalAttributes, record, id);
export const offerClass = (reads: PolicyReads, id: string, record: CedarRecord): string => classKey(reads.resource, offerAttributes, record, id);
export const contextClass = (reads: PolicyReads, record: CedarRecord): string => classKey(reads.context, contextAttributes, record, null);

function classKey({ whole, attributes: read }: Reads, schema: Attributes, record: CedarRecord, id: string | null): string {
  const parts: unknown[] = [whole ? id : null];
  for (const name of Object.keys(schema)) {
    const use = whole ? 'value' : read.get(name);
    if (use === undefined) continue;
    const value = record[name];
    if (Array.isArray(value)) parts.push(members(value as string[], use));
    else parts.push(value ?? null);
  }
  return JSON.stringify(parts);
}

function members(value: readonly string[], use: 'value' | ReadonlySet<string>): string[] {
  const read = use === 'value' ? value : value.filter((member) => use.has(member));
  return [...new Set(read)].sort();
}
