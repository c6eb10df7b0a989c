import { describe, expect, it } from '@jest/globals';
import { ExampleWorld, ManualClock, uuidOf } from '../examples.js';
import { OfferBook } from '../market/offer-book.js';
import { Placement } from './place.js';
import type { Slot } from './place.js';
import { PrefixAffinity } from './prefix-affinity.js';
import type { Conversation } from './prefix-affinity.js';

const chat = (text: string, changes: Partial<Conversation> = {}): Conversation => ({ tenant: uuidOf(1), model: 'chat', endpoint: 'chat.completions', body: Buffer.from(text), ...changes });
const machine = (id: string, inFlight = 0) => ({ offer: { id }, latencyMs: 0, inFlight });
/** Text that is the same for the same name, and no other's. */
const words = (name: string, bytes: number): string => Array.from({ length: Math.ceil(bytes / 16) }, (_, index) => `${name}-${index}`.padEnd(16, '.')).join('').slice(0, bytes);

describe('the affinity of prefixes', () => {
  const seen = (text: string, offer = 'a', changes: Partial<Conversation> = {}): PrefixAffinity => {
    const affinity = new PrefixAffinity();
    affinity.remember(affinity.prefixesOf(chat(text, changes)), offer);
    return affinity;
  };
  const chosen = (affinity: PrefixAffinity, conversation: Conversation, all = [machine('a'), machine('b')]): string | undefined => affinity.choose(affinity.prefixesOf(conversation), all)?.offer.id;

  it('sends a conversation that has grown to the machine that saw its beginning, and the latest one that did', () => {
    const affinity = seen(words('x', 2_048));
    expect(chosen(affinity, chat(words('x', 4_000)))).toBe('a');
    affinity.remember(affinity.prefixesOf(chat(words('x', 3_000))), 'b');
    expect(chosen(affinity, chat(words('x', 4_000)))).toBe('b');
  });

  it('chooses nothing by less than half of a request: a system prompt that all share keeps nobody together', () => {
    const affinity = seen(words('system', 1_024) + words('x', 4_096));
    expect(chosen(affinity, chat(words('system', 1_024) + words('y', 4_096)))).toBeUndefined();
    expect(chosen(affinity, chat(words('system', 1_024) + words('y', 512)))).toBe('a');
  });

  it("knows nothing of another organisation's or model's conversations, of embeddings, nor of short ones", () => {
    const affinity = seen(words('x', 2_048));
    expect(chosen(affinity, chat(words('x', 2_048), { tenant: uuidOf(9) }))).toBeUndefined();
    expect(chosen(affinity, chat(words('x', 2_048), { model: 'other' }))).toBeUndefined();
    expect(affinity.prefixesOf(chat(words('x', 2_048), { endpoint: 'embeddings' }))).toEqual([]);
    expect(affinity.prefixesOf(chat(words('x', 511)))).toEqual([]);
    expect(new PrefixAffinity().prefixesOf(chat(words('x', 600)))).not.toEqual(affinity.prefixesOf(chat(words('x', 600))));
  });

  it('yields when the machine is much busier than another, or not to be had', () => {
    const affinity = seen(words('x', 2_048));
    expect(chosen(affinity, chat(words('x', 2_048)), [machine('a', 4), machine('b')])).toBe('a');
    expect(chosen(affinity, chat(words('x', 2_048)), [machine('a', 5), machine('b')])).toBeUndefined();
    expect(chosen(affinity, chat(words('x', 2_048)), [machine('b')])).toBeUndefined();
  });

  it('forgets the least recently used beyond its bound, and takes bounded work for the largest request', () => {
    const affinity = seen(words('first', 512));
    for (let n = 0; n < 300; n += 1) affinity.remember(affinity.prefixesOf(chat(words(`long-${n}`, 512 * 256))), 'b');
    expect(chosen(affinity, chat(words('first', 512)))).toBeUndefined();
    expect(affinity.prefixesOf(chat(words('x', 4 * 1024 * 1024)))).toHaveLength(256);
  });
});

describe('conversations over several machines', () => {
  /** The share of turns after the first that went where the turn before had gone. */
  async function hitShare(grows: boolean): Promise<{ share: number; perMachine: number[] }> {
    const world = new ExampleWorld();
    const machines = [1, 2, 3, 4];
    for (const n of machines) world.offer(n, { model: 'chat', endpoints: ['chat.completions'], capacity: 16 });
    const book = new OfferBook(world.replicated);
    const clock = new ManualClock();
    const placement = new Placement(book, clock, 0);
    const offers = machines.map((n) => book.current(uuidOf(0x100 + n))!);
    const [conversations, turns] = [24, 8];
    const last = new Map<number, string>();
    const counts = new Map<string, number>();
    let hits = 0;
    for (let turn = 1; turn <= turns; turn += 1) {
      const slots: Slot[] = [];
      for (let one = 0; one < conversations; one += 1) {
        const text = words(grows ? `c${one}` : `c${one} t${turn}`, turn * 700);
        const slot = (await placement.place(offers, new Set(), { inputTokens: 1, outputTokens: 0 }, new AbortController().signal, chat(text)))!;
        slots.push(slot);
        if (last.get(one) === slot.offer.id) hits += 1;
        last.set(one, slot.offer.id);
        counts.set(slot.offer.id, (counts.get(slot.offer.id) ?? 0) + 1);
      }
      clock.ms += 500;
      for (const slot of slots) slot.done('ok');
    }
    return { share: hits / (conversations * (turns - 1)), perMachine: [...counts.values()] };
  }

  it('return to the machine that holds their cache in nine turns of ten, and load none above twice its part', async () => {
    const { share, perMachine } = await hitShare(true);
    expect(share).toBeGreaterThan(0.9);
    expect(Math.max(...perMachine)).toBeLessThan(2 * ((24 * 8) / 4));
    // What chance would give: a quarter.
    expect((await hitShare(false)).share).toBeLessThan(0.5);
  });
});
