import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SystemClock, SystemIds } from '#kernel';
import type { Purchase } from './purchase.js';
import { keptPurchases, PurchaseJournal } from './purchase-journal.js';

const ids = new SystemIds(new SystemClock());
const now = Date.UTC(2026, 0, 10);
const [asset, payTo] = [`0x${'aa'.repeat(20)}`, `0x${'bb'.repeat(20)}`];
const signed = (change: Partial<Purchase> = {}): Purchase => ({
  id: ids.uuid(),
  host: 'shop.example',
  url: 'https://shop.example/v1/embeddings',
  requestHash: 'ab'.repeat(32),
  network: 'eip155:8453',
  asset,
  payTo,
  scheme: 'exact',
  method: 'eip3009',
  nonce: `0x${'cd'.repeat(32)}`,
  validBefore: 1,
  unitsMax: 10n,
  nanosMax: 10_000n,
  header: 'a-signed-payment',
  atMs: now,
  ended: null,
  why: null,
  claim: null,
  state: 'signed',
  units: null,
  nanos: null,
  tx: null,
  lie: null,
  decidedAtMs: null,
  ...change,
});

describe('the journal of purchases', () => {
  let directory: string;
  const open = (atMs = now) => PurchaseJournal.open(directory, atMs);
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'purchases-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('has a payment on disk when signing it resolves, and gives it back as it was sent', async () => {
    const bought = signed();
    const first = await open();
    await first.sign(bought);
    // Never closed: the machine died.
    appendFileSync(join(directory, 'purchases.jsonl'), `{"purchase":{"id":"${ids.uuid()}","ho`);
    const second = await open();
    expect(second.get(bought.id)).toEqual(bought);
    await second.change(bought.id, { ended: 'answered', state: 'paid', units: 10n, nanos: 10_000n, decidedAtMs: now });
    await second.close();
    const third = await open();
    expect([...third.all()]).toEqual([{ ...bought, ended: 'answered', state: 'paid', units: 10n, nanos: 10_000n, decidedAtMs: now }]);
    expect(statSync(join(directory, 'purchases.jsonl')).mode & 0o777).toBe(0o600);
    await Promise.all([first.close(), third.close()]);
  });

  it('keeps whom a seller was paid by first, and forgets a purchase that was never signed', async () => {
    const journal = await open();
    await journal.sign(signed());
    await journal.sign(signed({ payTo: asset }));
    expect(journal.payeeOf('shop.example')).toBe(payTo);
    const dropped = signed();
    journal.reserve(dropped);
    journal.drop(dropped.id);
    await journal.close();
    const again = await open();
    expect([again.get(dropped.id), again.payeeOf('shop.example'), again.payeeOf('other.example')]).toEqual([undefined, payTo, undefined]);
    await again.close();
  });

  it('moves what was decided two days ago to history, without its signature, and never what is open', async () => {
    const [old, open_] = [signed({ state: 'paid', ended: 'answered', units: 10n, nanos: 10_000n, decidedAtMs: now }), signed()];
    const journal = await open();
    await journal.sign(old);
    await journal.sign(open_);
    await journal.close();
    const later = await open(now + 3 * 86_400_000);
    expect([...later.all()].map(({ id }) => id)).toEqual([open_.id]);
    expect(later.payeeOf('shop.example')).toBe(payTo);
    expect(readFileSync(join(directory, 'purchases-past.jsonl'), 'utf8')).not.toContain('a-signed-payment');
    expect(keptPurchases(directory).map(({ id, units }) => [id, units])).toEqual([[old.id, 10n], [open_.id, null]]);
    await later.close();
  });
});
