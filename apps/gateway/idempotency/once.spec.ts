import { beforeEach, describe, expect, it } from '@jest/globals';
import { ManualClock, uuidOf } from '../examples.js';
import { ChargeWatch } from './charge-watch.js';
import { ClaimStore } from './claim-store.js';
import type { Claim, StoredClaim } from './claim-store.js';
import { Once } from './once.js';
import type { Turn } from './once.js';

/** The bucket's rules, in memory. */
class Claims extends ClaimStore {
  readonly held = new Map<string, StoredClaim>();
  private last = 0;

  async create(key: string, claim: Claim): Promise<number | StoredClaim> {
    return this.held.get(key) ?? this.put(key, claim);
  }
  async replace(key: string, claim: Claim, revision: number): Promise<number | undefined> {
    return this.held.get(key)?.revision === revision ? this.put(key, claim) : undefined;
  }
  async remove(key: string, revision: number): Promise<void> {
    if (this.held.get(key)?.revision === revision) this.held.delete(key);
  }
  private put(key: string, claim: Claim): number {
    this.held.set(key, { claim, revision: (this.last += 1) });
    return this.last;
  }
}

describe('a named request', () => {
  let clock: ManualClock;
  let once: Once;

  beforeEach(() => {
    clock = new ManualClock();
    once = new Once(new Claims(), clock);
  });

  const named = { tenant: uuidOf(1), keyId: uuidOf(4), name: 'one', secret: 'a secret', path: '/v1/embeddings', body: { input: 'a' }, record: uuidOf(9), deadlineMs: 1_000 };
  const take = async (changes: Partial<typeof named> = {}): Promise<Turn> => {
    const taken = await once.take({ ...named, ...changes });
    if ('kept' in taken) throw new Error('answered');
    return taken.turn;
  };
  const lost = { code: 'CONFLICT', details: { shouldRetry: false } };

  it('is free again after its deadline when its gateway died before anything was sent, and never when it died after', async () => {
    await take();
    await expect(take()).rejects.toMatchObject({ code: 'CONFLICT', details: { retryAfterMs: expect.any(Number) as unknown as number } });
    clock.ms += 1_001;
    const turn = await take();
    await turn.begin();
    await expect(take()).rejects.toMatchObject({ code: 'CONFLICT', details: { retryAfterMs: expect.any(Number) as unknown as number } });
    clock.ms += 3_000_000;
    await expect(take()).rejects.toMatchObject(lost);
  });

  it('that was left has no answer, whatever its deadline; what was given back runs again', async () => {
    const turn = await take();
    await turn.begin();
    await turn.leave();
    await expect(take()).rejects.toMatchObject({ ...lost, message: expect.stringContaining('its record says whether it was charged') as unknown as string });
    const other = await take({ name: 'two' });
    await other.begin();
    await other.giveBack();
    await expect(take({ name: 'two' })).resolves.toBeDefined();
  });

  it('is not begun by who lost it meanwhile', async () => {
    const late = await take();
    clock.ms += 1_001;
    await take();
    await expect(late.begin()).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(late.begin()).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('keeps its answer though it was begun, for who has the secret it was kept under', async () => {
    const turn = await take();
    await Promise.all([turn.begin(), turn.begin()]);
    await turn.keep({ status: 200, contentType: 'application/json', body: Buffer.from('[1]'), record: uuidOf(9) });
    expect(await once.take(named)).toMatchObject({ kept: { status: 200, record: uuidOf(9), body: Buffer.from('[1]') } });
    await expect(once.take({ ...named, secret: 'another' })).rejects.toMatchObject(lost);
  });

  it('may be charged from before it is sent until all that was begun has ended for nothing', async () => {
    const turn = await take();
    const watch = new ChargeWatch(turn);
    expect(watch.isPossible).toBe(false);
    await Promise.all([watch.begin(), watch.begin()]);
    watch.free();
    expect(watch.isPossible).toBe(true);
    watch.free();
    expect(watch.isPossible).toBe(false);
  });
});
