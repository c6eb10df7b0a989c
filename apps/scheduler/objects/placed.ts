/**
 * The same bytes, and `place` when all have come: before the last of them reaches the store, which shows an object when it has the whole. What `place` throws keeps the object from being put.
 */
export async function* placed(source: AsyncIterable<Uint8Array>, place: () => Promise<void>): AsyncGenerator<Uint8Array> {
  yield* source;
  await place();
}
