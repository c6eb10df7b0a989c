import { canonicalJson } from '#kernel';
import type { Json } from '#kernel';
import { csvCell } from './csv-cell.js';
import type { ExportedEntry } from './exports.js';

type Fields = Record<string, Json | undefined>;
const objectOf = (value: Json | undefined): Fields => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {});
const textOf = (value: Json | undefined): string | number | null => (typeof value === 'string' || typeof value === 'number' ? value : null);

/** Columns that people filter by, then everything that the record says. */
const columns: readonly (readonly [string, (entry: ExportedEntry, fields: Fields) => string | number | null])[] = [
  ['index', ({ index }) => index],
  ['previous', ({ previous }) => previous],
  ['id', ({ id }) => id],
  ['type', ({ type }) => type],
  ['time', ({ timeMs }) => new Date(timeMs).toISOString()],
  ['organisation', ({ tenant }) => tenant],
  ['key', (_, fields) => textOf(objectOf(fields['principal'])['keyId'] ?? objectOf(fields['actor'])['keyId'] ?? fields['keyId'])],
  ['project', (_, fields) => textOf(objectOf(fields['principal'])['project'] ?? fields['project'])],
  ['decision', (_, fields) => textOf(fields['decision'])],
  ['policies', (_, fields) => (Array.isArray(fields['policies']) ? (fields['policies'] as Fields[]).map((policy) => textOf(policy['id'])).join(' ') : null)],
  ['policy_version', (_, fields) => textOf(fields['policyVersion'])],
  ['model', (_, fields) => textOf(fields['model'])],
  ['data_class', (_, fields) => textOf(fields['dataClass'])],
  ['network', (_, fields) => textOf(objectOf(fields['machine'])['network'])],
  ['region', (_, fields) => textOf(objectOf(fields['machine'])['region'])],
  ['jurisdiction', (_, fields) => textOf(objectOf(fields['machine'])['jurisdiction'])],
  ['evidence', (_, fields) => textOf(objectOf(fields['machine'])['evidence'])],
  ['outcome', (_, fields) => textOf(fields['outcome'])],
  ['charge_nanos', (_, fields) => textOf(fields['chargeNanos'])],
  ['fields', ({ fields }) => (fields === null ? null : canonicalJson(fields))],
];

export const csvHeader = `${columns.map(([name]) => name).join(',')}\r\n`;

export const csvLine = (entry: ExportedEntry): string => `${columns.map(([, value]) => csvCell(value(entry, (entry.fields ?? {}) as Fields))).join(',')}\r\n`;
