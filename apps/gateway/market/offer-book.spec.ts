import { beforeEach, describe, expect, it } from '@jest/globals';
import { ExampleWorld, offerEntry, uuidOf } from '../examples.js';
import { OfferBook } from './offer-book.js';

describe('the offer book', () => {
  let world: ExampleWorld;
  let book: OfferBook;
  beforeEach(() => {
    world = new ExampleWorld();
    book = new OfferBook(world.replicated);
  });

  it('knows the offers of a model for an endpoint, up or down, that have a price', () => {
    world.offer(1);
    world.offer(2, { state: 'down' });
    world.offer(3, { endpoints: ['chat.completions'] });
    world.offer(4, { model: 'other' });
    world.offers.put(uuidOf(0x105), offerEntry(5));
    expect(book.serving('embed', 'embeddings').map(({ entry }) => entry.nodeName)).toEqual(['node-1', 'node-2']);
    expect(book.serving('nothing', 'embeddings')).toEqual([]);
  });

  it('follows every change, and keeps the object of what did not change', () => {
    world.offer(1);
    world.offer(2);
    const [first, second] = book.serving('embed', 'embeddings');
    world.offers.put(uuidOf(0x102), offerEntry(2, { region: 'me-riyadh' }));
    const after = book.serving('embed', 'embeddings');
    expect(after[0]).toBe(first);
    expect(after[1]).not.toBe(second);
    expect(after[1]!.facts.region).toBe('me-riyadh');
    world.offers.put(uuidOf(0x101), undefined);
    expect(book.current(uuidOf(0x101))).toBeUndefined();
  });

  it('lists models that a machine serves now, by name', () => {
    world.offer(1, { model: 'b' });
    world.offer(2, { model: 'a' });
    world.offer(3, { model: 'c', state: 'down' });
    expect(book.models().map(({ id }) => id)).toEqual(['a', 'b']);
  });
});
