import type { Json } from '#kernel';
import type { RecordBody } from '#protocol';

/** What a record was decided, priced and run by, as its bodies name it. */
export interface NamedEntries {
  readonly policyVersion: number | undefined;
  /** Record ids of the deployment's own entries: price versions, offers as they were, the node whose receipt it holds. */
  readonly records: readonly string[];
}

type Fields = Readonly<Record<string, Json | undefined>>;

const objectOf = (value: Json | undefined): Fields => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {});

/** Reads the names out of the opened bodies of a record's entries. */
export function namedEntries(bodies: readonly (RecordBody | null)[]): NamedEntries {
  const all = bodies.flatMap((body): Fields[] => (body === null ? [] : [body.fields as Fields]));
  const versions = all.map(({ policyVersion }) => policyVersion).filter((version): version is number => typeof version === 'number' && version > 0);
  const records = all.flatMap((fields) => [fields['priceVersion'], objectOf(fields['price'])['version'], objectOf(fields['offersSeen'])['record'], ...(objectOf(fields['receipt'])['bytes'] === undefined ? [] : [fields['node']])]);
  return { policyVersion: versions[0], records: [...new Set(records.filter((id): id is string => typeof id === 'string'))] };
}
