import type { Json } from '../kernel/canonical-json.js';
import type { BundleCrypto } from './bundle-crypto.js';
import { bytesOf, envelopeOf } from './bundle-entry.js';
import type { Bundle, BundleBody, BundleEntry } from './bundle.js';
import { Malformed } from './malformed.js';
import { fieldsOf, isShownBody, narrowBody } from './shown-body.js';

/**
 * The same bundle, showing of the organisation's bodies only the fields of these names. An entry that the record names stays only where a
 * shown value names it: it would tell what is hidden. Of the operator's, whose fields are public, what stays is whole.
 * Error: `Malformed` when no body in the bundle has a field of some name that can be shown.
 */
export function discloseBundle(crypto: BundleCrypto, bundle: Bundle, names: readonly string[]): Bundle {
  const asked = new Set(names);
  const narrowed = bundle.entries.map((entry) => {
    const { id, type, tenant, schema } = envelopeOf(bytesOf(entry.envelope, `the envelope of entry ${entry.index}`));
    const body = entry.body === null || isPublic(tenant, entry.body) ? entry.body : narrowBody(crypto, schema, entry.body, asked);
    return { entry: { ...entry, body }, id, type, isOperators: tenant === 'operator' };
  });
  const shownIn = (entries: readonly { entry: BundleEntry }[]): BundleEntry['body'][] => entries.map(({ entry }) => entry.body);
  const own = shownIn(narrowed.filter(({ id }) => id === bundle.record));
  const ofOrganisation = shownIn(narrowed.filter(({ id, isOperators }) => id === bundle.record || !isOperators));
  const known = new Set(ofOrganisation.flatMap((body) => (body === null ? [] : Object.keys(fieldsOf(body)))));
  const unknown = names.find((name) => !known.has(name));
  if (unknown !== undefined) throw new Malformed(`no body in the file has a field "${unknown}" that can be shown by itself`);
  const named = new Set(own.flatMap((body) => (body === null ? [] : textsIn(fieldsOf(body)))));
  const stays = ({ entry, id, type, isOperators }: (typeof narrowed)[number]): boolean => {
    if (id === bundle.record) return true;
    if (isOperators) return type === 'epoch.settled' || named.has(id);
    return entry.body !== null && Object.keys(fieldsOf(entry.body)).length > 0;
  };
  return { ...bundle, entries: narrowed.filter(stays).map(({ entry }) => entry) };
}

/** A body of the operator under the secret that everybody knows: 32 zeros. */
const isPublic = (tenant: string, body: BundleBody): boolean => tenant === 'operator' && !isShownBody(body) && /^A{43}=$/.test(body.secret) && body.person === undefined;

/** All texts in a value. */
function textsIn(value: Json): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value as Record<string, Json>).flatMap(textsIn) : [];
}
