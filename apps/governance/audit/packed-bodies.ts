import type { SealedBody } from '#protocol';
import type { EntryDraft } from './entry.js';

/** The bodies of one piece of a bundle that belong to one tenant and are sealed under one data key. */
export interface PackedBodies {
  /** Index of the first entry of the piece. */
  readonly first: number;
  readonly part: number;
  readonly tenant: string | null;
  /** Null: not sealed, public fields. */
  readonly sealKeyId: string | null;
  readonly wrappedKey: Buffer | null;
  /** For each body its entry's distance from `first`: a byte, as a piece has at most 256 entries. */
  readonly positions: Buffer;
  readonly bodies: Buffer;
}

/** What is beside an entry: a sealed body, or public fields. */
export type EntryBody = { readonly body: SealedBody; readonly fields: null } | { readonly body: null; readonly fields: Record<string, unknown> };

const nonceBytes = 12;
const lengthBytes = 4;

/** Bodies on their way into one pack. */
interface Group {
  readonly entry: EntryDraft;
  readonly positions: number[];
  readonly texts: PlainText[];
}

/** A body as it came: base64, or text of public fields. */
interface PlainText {
  readonly text: string;
  readonly encoding: 'base64' | 'utf8';
}

/** Packs the bodies of a piece, given in the order of the log. */
export function packBodies(entries: readonly (EntryDraft & { readonly index: number })[]): PackedBodies[] {
  const first = entries[0]!.index;
  const groups = new Map<string, Group>();
  let group: Group | undefined;
  for (const entry of entries) {
    // Those of one tenant come side by side.
    if (group === undefined || !isPackedWith(group.entry, entry)) {
      const name = `${entry.tenant} ${entry.body?.sealKeyId} ${entry.body?.wrappedKey}`;
      group = groups.get(name);
      if (group === undefined) groups.set(name, (group = { entry, positions: [], texts: [] }));
    }
    group.positions.push(entry.index - first);
    group.texts.push(textOf(entry));
  }
  return [...groups.values()].map(({ entry: { tenant, body }, positions, texts }, part) => ({
    first, part, tenant,
    sealKeyId: body?.sealKeyId ?? null,
    wrappedKey: body ? Buffer.from(body.wrappedKey, 'base64') : null,
    positions: Buffer.from(positions),
    bodies: packed(texts),
  }));
}

function isPackedWith(a: EntryDraft, b: EntryDraft): boolean {
  return a.tenant === b.tenant && a.body?.sealKeyId === b.body?.sealKeyId && a.body?.wrappedKey === b.body?.wrappedKey;
}

function textOf({ body, fields }: EntryDraft): PlainText {
  // Nonces have 12 bytes, which are 16 characters without padding: the two are one base64.
  return body === null ? { text: JSON.stringify(fields ?? {}), encoding: 'utf8' } : { text: body.nonce + body.ciphertext, encoding: 'base64' };
}

/** Each as its length and its bytes. */
function packed(texts: readonly PlainText[]): Buffer {
  const whole = Buffer.allocUnsafe(texts.reduce((sum, { text, encoding }) => sum + lengthBytes + Buffer.byteLength(text, encoding), 0));
  let end = 0;
  for (const { text, encoding } of texts) {
    const written = whole.write(text, end + lengthBytes, encoding);
    whole.writeUInt32BE(written, end);
    end += lengthBytes + written;
  }
  return whole.subarray(0, end);
}

/** The body of the entry at `index`; null when the pack has none of it. */
export function unpackBody(pack: Omit<PackedBodies, 'part' | 'tenant'>, index: number): EntryBody | null {
  const at = pack.positions.indexOf(index - pack.first);
  if (at < 0) return null;
  let start = 0;
  for (let skipped = 0; skipped < at; skipped += 1) start += lengthBytes + pack.bodies.readUInt32BE(start);
  const bytes = pack.bodies.subarray(start + lengthBytes, start + lengthBytes + pack.bodies.readUInt32BE(start));
  if (pack.sealKeyId === null || pack.wrappedKey === null) return { body: null, fields: JSON.parse(bytes.toString()) as Record<string, unknown> };
  const body = {
    sealKeyId: pack.sealKeyId,
    wrappedKey: pack.wrappedKey.toString('base64'),
    nonce: bytes.subarray(0, nonceBytes).toString('base64'),
    ciphertext: bytes.subarray(nonceBytes).toString('base64'),
  };
  return { body, fields: null };
}
