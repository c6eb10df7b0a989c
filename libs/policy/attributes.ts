import { dataClasses, evidences, findingKinds } from '#protocol';
import type { DataClass, Evidence, FindingKind } from '#protocol';

const isolations = ['none', 'tee'] as const;

/** Who asks: the application behind the API key. `id` is the entity's id in Cedar. */
export interface PolicyPrincipal {
  readonly id: string;
  readonly organisation: string;
  readonly project: string;
  readonly role: string;
}

/** What a policy may know of an offer. Treat as immutable: decisions are remembered per object. */
export interface OfferFacts {
  /** For example `eu-frankfurt`. */
  readonly region: string;
  /** ISO 3166 alpha-2. */
  readonly country: string;
  /** Area of law, for example `EU`, `US`, `SA`. */
  readonly jurisdiction: string;
  readonly network: string;
  readonly model: string;
  /** The weakest evidence of any of the offer's facts. */
  readonly evidence: Evidence;
  readonly isolation: (typeof isolations)[number];
  /** Safe integer. */
  readonly priceNanosPerMillion: number;
}

/** What a policy may know of the request itself. */
export interface PolicyContext {
  readonly dataClass: DataClass;
  readonly findings: readonly FindingKind[];
  readonly personalData: boolean;
  readonly purpose?: string | undefined;
  readonly subjectRegion?: string | undefined;
  readonly dataset?: string | undefined;
  /** For example `sender:someone@example.com`. */
  readonly tags: readonly string[];
  readonly model: string;
  readonly endpoint: string;
}

export interface Attribute {
  readonly type: 'String' | 'Long' | 'Bool' | 'Set<String>';
  readonly optional?: true;
  /** The only values that a request may carry; anything else is an error, and so a denial. */
  readonly oneOf?: readonly string[];
}
export type Attributes = Readonly<Record<string, Attribute>>;

const text: Attribute = { type: 'String' };
const optionalText: Attribute = { type: 'String', optional: true };

export const principalAttributes = { organisation: text, project: text, role: text } satisfies Attributes;

export const offerAttributes = {
  region: text,
  country: text,
  jurisdiction: text,
  network: text,
  model: text,
  evidence: { type: 'String', oneOf: evidences },
  isolation: { type: 'String', oneOf: isolations },
  priceNanosPerMillion: { type: 'Long' },
} satisfies Attributes;

export const contextAttributes = {
  dataClass: { type: 'String', oneOf: dataClasses },
  dataClassRank: { type: 'Long' },
  findings: { type: 'Set<String>', oneOf: findingKinds },
  personalData: { type: 'Bool' },
  purpose: optionalText,
  subjectRegion: optionalText,
  dataset: optionalText,
  tags: { type: 'Set<String>' },
  model: text,
  endpoint: text,
} satisfies Attributes;
