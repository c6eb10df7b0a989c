import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newAgreement, newCredit } from '#protocol';
import type { NewAgreement } from '#protocol';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { Credits } from '../credits/credits.service.js';
import { bank, frankfurt } from '../invoices-harness.js';
import { InvoiceRun } from '../invoices/invoice-run.service.js';
import { InvoicesRpc } from '../invoices/invoices.rpc.js';
import { InvoicesService } from '../invoices/invoices.service.js';
import { PartiesRpc } from '../invoices/parties.rpc.js';
import type { Lease } from '../leases/leases.service.js';
import { admittedFacts, completedFacts, joinNode, logged, openMarket, recordOf } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import { UsageRpc } from '../usage/usage.rpc.js';
import { AgreementsRpc } from './agreements.rpc.js';

const usd = 1_000_000_000n;
const [februaryMs, marchMs, aprilMs] = [1, 2, 3].map((month) => Date.UTC(2026, month)) as [number, number, number];
const dayMs = 86_400_000;


describe('agreements and credits', () => {
  let books: Books;
  let market: Market;
  let node: TestNode;
  let lease: Lease;
  let one: { keyId: string; tenant: null };
  let other: { keyId: string; tenant: null };

  const terms = (over: Partial<NewAgreement> = {}): NewAgreement => ({ note: 'a year', effectiveFromMs: februaryMs, tiers: [], minimumNanos: null, fees: [], ...over });
  const propose = (over: Partial<NewAgreement> = {}, id = books.ids.uuid(), tenant = market.tenant) => books.get(AgreementsRpc).propose({ actor: one, tenant, id, ...terms(over) });
  const approve = ({ id, hash }: { id: string; hash: string }, actor: { keyId: string | null } = other, tenant = market.tenant) => books.get(AgreementsRpc).approve({ actor: actor as never, tenant, id, hash });
  const grant = (dollars: bigint, validFromMs: number, expiresAtMs: number, id = books.ids.uuid(), name = 'welcome') => books.get(AgreementsRpc).grant({ actor: one, tenant: market.tenant, id, name, amountNanos: dollars * usd, validFromMs, expiresAtMs });
  const creditsOf = async (tenant = market.tenant) => (await books.get(AgreementsRpc).listCredits({ tenant, limit: 50 })).data;
  const toDay = (atMs: number): void => books.clock.advance(atMs - books.clock.nowMs());
  /** A request that ended then and costs so many dollars. */
  const use = async (dollars: number, atMs: number): Promise<void> => {
    const facts = admittedFacts(books.ids, market, lease, node, { admittedAtMs: atMs - 50, deadlineMs: atMs + dayMs });
    await market.book(recordOf(facts), recordOf(completedFacts(facts, node, dollars)));
  };
  const bill = async (fromMs: number, toMs: number) => {
    const invoices = books.get(InvoicesService);
    const issued = await invoices.issue(market.tenant, (await invoices.draft(market.tenant, fromMs, toMs)).id);
    const { document } = (await books.get(InvoicesRpc).get({ tenant: market.tenant, id: issued.id })) as unknown as { document: { usageNanos: bigint; lines: { name: string; netMinor: bigint }[] } };
    return { ...issued, document, lines: document.lines.map(({ name, netMinor }) => [name, netMinor / 100n]) };
  };
  const balance = async (code: string): Promise<bigint> => {
    const [row] = await books.within((manager) => manager.query<{ balance: string }[]>('SELECT balance FROM billing.accounts WHERE code = $1', [code]));
    return BigInt(row?.balance ?? 0);
  };

  beforeAll(async () => {
    books = await openBooks({ BILLING_INVOICE_RUN_MS: '86400000' });
    [one, other] = [{ keyId: books.ids.uuid(), tenant: null }, { keyId: books.ids.uuid(), tenant: null }];
    // A dollar a token.
    node = await joinNode(books, usd * 1_000_000n);
  });
  beforeEach(async () => {
    books.clock.advance(Date.UTC(2026, 0, 10) - books.clock.nowMs());
    market = await openMarket(books, 10n ** 18n);
    lease = await market.acquire('g', 10n ** 16n);
    const seller = books.ids.uuid();
    await books.get(PartiesRpc).putSeller({ actor: one, id: seller, seller: { ...frankfurt, numberPrefix: `S${seller.slice(-6).toUpperCase()}` } });
    await books.get(PartiesRpc).putBuyer({ actor: one, tenant: market.tenant, seller, buyer: { ...bank, currency: 'USD', country: 'US', vatId: null } });
  });
  afterEach(async () => expect(await books.faults()).toEqual([]));
  afterAll(() => books.close());

  it('hold when a second person approved them, from the next month on, and both are in the log of the organisation', async () => {
    const proposed = await propose({ effectiveFromMs: Date.UTC(2025, 0) });
    expect(await propose({ effectiveFromMs: Date.UTC(2025, 0) }, proposed.id)).toEqual(proposed);
    await expect(propose({ note: 'another' }, proposed.id)).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    await expect(approve(proposed, one)).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
    await expect(approve(proposed, { keyId: null })).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
    await expect(approve({ ...proposed, hash: 'a'.repeat(64) })).rejects.toMatchObject({ code: 'CONFLICT' });
    const [first, second] = await Promise.all([approve(proposed), approve(proposed)]);
    expect(second).toEqual(first);
    expect(first).toMatchObject({ state: 'approved', effectiveFromMs: februaryMs, approvedBy: other.keyId });
    await expect(approve(proposed, { keyId: books.ids.uuid() })).rejects.toMatchObject({ code: 'CONFLICT' });
    expect([(await logged(books, 'agreement.proposed', market)).length, await logged(books, 'agreement.approved', market)]).toEqual([1, [expect.objectContaining({ fields: expect.objectContaining({ effectiveFromMs: februaryMs, hash: proposed.hash }) as unknown })]]);
    // Nobody else's.
    const stranger = (await openMarket(books, 1n)).tenant;
    await expect(approve(proposed, other, stranger)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(propose({}, proposed.id, stranger)).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    expect([(await books.get(AgreementsRpc).list({ tenant: market.tenant, limit: 9 })).data.length, (await books.get(AgreementsRpc).list({ tenant: stranger, limit: 9 })).data]).toEqual([1, []]);
    expect(await books.within((manager) => manager.query('SELECT id FROM billing.agreements'), stranger)).toEqual([]);
    await expect(books.within((manager) => manager.query(`UPDATE billing.agreements SET terms = '{}'`))).rejects.toThrow(/permission denied/);
  });

  it('are refused without sense', () => {
    const tier = (dollars: bigint, basisPoints: number) => ({ aboveNanos: (dollars * usd).toString(), basisPoints });
    const good = { note: 'n', effectiveFromMs: februaryMs, tiers: [tier(0n, 1), tier(5n, 2)], minimumNanos: '5', fees: [{ name: 'a', monthlyNanos: '1' }] };
    expect(newAgreement.safeParse(good).success).toBe(true);
    const bad = [{ effectiveFromMs: februaryMs + 1 }, { tiers: [tier(5n, 1), tier(5n, 2)] }, { tiers: [tier(0n, 10_001)] }, { tiers: [tier(-1n, 1)] }, { minimumNanos: '0' }, { minimumNanos: (2n ** 63n).toString() }, { fees: [{ name: 'a', monthlyNanos: '-1' }] }, { fees: [...good.fees, ...good.fees] }];
    for (const over of bad) expect([over, newAgreement.safeParse({ ...good, ...over }).success]).toEqual([over, false]);
    const credit = { name: 'c', amountNanos: '1', validFromMs: 0, expiresAtMs: dayMs };
    expect(newCredit.safeParse(credit).success).toBe(true);
    for (const over of [{ amountNanos: '0' }, { amountNanos: '-5' }, { amountNanos: (2n ** 63n).toString() }, { expiresAtMs: 0 }, { expiresAtMs: dayMs + 1 }, { expiresAtMs: 3_600_000 * 2_400_000_000 }]) expect([over, newCredit.safeParse({ ...credit, ...over }).success]).toEqual([over, false]);
  });

  it('make a month cheaper by tiers however it is cut into invoices, and neither charges nor what machines earn change', async () => {
    await approve(await propose({ tiers: [{ aboveNanos: 100n * usd, basisPoints: 1_000 }, { aboveNanos: 200n * usd, basisPoints: 5_000 }] }));
    toDay(marchMs + 5 * dayMs);
    await use(150, februaryMs + dayMs);
    await use(100, februaryMs + 20 * dayMs);
    const discountBefore = await balance('discount');
    const first = await bill(februaryMs, februaryMs + 10 * dayMs);
    expect([first.lines, first.netMinor]).toEqual([[['m: input tokens', 150n], ['Discount of 10 %', -5n]], 14_500n]);
    const second = await bill(februaryMs, marchMs);
    expect([second.lines, second.netMinor]).toEqual([[['m: input tokens', 100n], ['Discount of 10 %', -5n], ['Discount of 50 %', -25n]], 7_000n]);
    expect([await balance(`receivable:${market.tenant}`), await balance(`payable:${market.tenant}:${node.payee}`), (await balance('discount')) - discountBefore]).toEqual([0n, -250n * usd, 35n * usd]);
    // Each line of cost of an invoice adds up to it.
    const { lines } = await books.get(UsageRpc).lines({ tenant: market.tenant, fromMs: februaryMs, toMs: aprilMs });
    expect(lines.filter(({ invoice }) => invoice === second.number).reduce((sum, { amountNanos }) => sum + amountNanos, 0n)).toBe(70n * usd);
    const discounts = lines.filter(({ meter }) => meter === 'discount').sort((a, b) => Number(a.amountNanos - b.amountNanos));
    expect(discounts.map(({ project, offer, amountNanos }) => [project, offer, amountNanos / usd])).toEqual([[null, null, -25n], [null, null, -5n], [null, null, -5n]]);
  });

  it('bill the minimum that was committed to and fees, in a month without usage too, once', async () => {
    await approve(await propose({ minimumNanos: 50n * usd, fees: [{ name: 'Support', monthlyNanos: 7n * usd }] }));
    toDay(marchMs + 5 * dayMs);
    await books.get(InvoiceRun).runOnce();
    await books.get(InvoiceRun).runOnce();
    const { data } = await books.get(InvoicesRpc).list({ tenant: market.tenant, limit: 9 });
    expect(data).toMatchObject([{ state: 'issued', netMinor: 5_700n, periodFromMs: februaryMs }]);
    expect(await balance(`receivable:${market.tenant}`)).toBe(0n);
    // Usage of the month that is heard of later comes off the minimum.
    await use(20, marchMs - dayMs);
    const late = await bill(februaryMs + dayMs, marchMs);
    expect([late.lines, late.netMinor]).toEqual([[['m: input tokens', 20n], ['To the monthly minimum', -20n]], 0n]);
    await expect(bill(februaryMs + 2 * dayMs, marchMs)).rejects.toMatchObject({ code: 'NOTHING_DUE' });
    expect(await balance(`receivable:${market.tenant}`)).toBe(0n);
  });

  it('pay usage of their time with credits before anybody is asked for money, and what is not used in time is lost', async () => {
    await approve(await propose({ tiers: [{ aboveNanos: 0n, basisPoints: 1_000 }], fees: [{ name: 'Support', monthlyNanos: 7n * usd }] }));
    const [early, late] = [await grant(30n, februaryMs, februaryMs + 10 * dayMs), await grant(100n, februaryMs, aprilMs)];
    const promotionBefore = await balance('promotion');
    expect(await grant(30n, februaryMs, februaryMs + 10 * dayMs, early.id)).toEqual(early);
    await expect(grant(31n, februaryMs, februaryMs + 10 * dayMs, early.id)).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    await expect(grant(1n, 0, dayMs)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    expect(await balance('promotion')).toBe(promotionBefore);
    toDay(marchMs + 5 * dayMs);
    await use(20, februaryMs + dayMs);
    await use(80, februaryMs + 15 * dayMs);
    const february = await bill(februaryMs, marchMs);
    // 20 of the first one, which was over when the rest was used; 70 of the other: the discount and the fee are none of its.
    expect([february.lines, february.netMinor]).toEqual([[['m: input tokens', 100n], ['Discount of 10 %', -10n], ['Support', 7n], ['Credit: welcome', -20n], ['Credit: welcome', -70n]], 700n]);
    expect(await balance(`receivable:${market.tenant}`)).toBe(0n);
    expect(new Map((await creditsOf()).map(({ id, usedNanos, leftNanos }) => [id, [usedNanos / usd, leftNanos / usd]]))).toEqual(new Map([[early.id, [20n, 10n]], [late.id, [70n, 30n]]]));
    const lapse = (): Promise<number> => books.get(Credits).runOnce();
    expect(await lapse()).toBe(0);
    toDay(aprilMs);
    expect((await Promise.all([lapse(), lapse()])).reduce((a, b) => a + b, 0)).toBe(1);
    expect((await creditsOf()).find(({ id }) => id === early.id)).toMatchObject({ usedNanos: 20n * usd, lapsedNanos: 10n * usd, leftNanos: 0n });
    expect([await balance(`granted:${market.tenant}:${early.id}`), await balance(`granted:${market.tenant}:${late.id}`), (await balance('promotion')) - promotionBefore]).toEqual([0n, -30n * usd, -10n * usd]);
    expect([(await logged(books, 'credit.granted', market)).length, (await logged(books, 'credit.lapsed', market)).length]).toEqual([2, 1]);
    const stranger = (await openMarket(books, 1n)).tenant;
    expect([await creditsOf(stranger), await books.within((manager) => manager.query('SELECT id::text FROM billing.credits UNION ALL SELECT invoice::text FROM billing.invoiced_terms'), stranger)]).toEqual([[], []]);
  });
});
