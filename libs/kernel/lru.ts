/** A map that forgets its least recently used entry when it is full. */
export class Lru<Key, Value> {
  private readonly entries = new Map<Key, Value>();

  constructor(
    private readonly entriesMax: number,
    private readonly onEvict: (value: Value) => void = () => undefined,
  ) {}

  get size(): number {
    return this.entries.size;
  }

  get(key: Key): Value | undefined {
    const value = this.entries.get(key);
    if (value === undefined) return undefined;
    this.entries.delete(key);
    this.entries.set(key, value);
    return value;
  }

  set(key: Key, value: Value): void {
    this.entries.delete(key);
    this.entries.set(key, value);
    if (this.entries.size <= this.entriesMax) return;
    const [oldestKey, oldest] = this.entries.entries().next().value!;
    this.entries.delete(oldestKey);
    this.onEvict(oldest);
  }
}
