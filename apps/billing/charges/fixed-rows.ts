/** Rows that never change and are never taken away once they are there, by id. One that is not there yet is looked for again each time. */
export class FixedRows<T> {
  private readonly rows = new Map<string, T>();

  /** `max`: as many are kept; one more and all are looked up anew. */
  constructor(private readonly max: number) {}

  /** Those of `ids` that are there. `load` is asked for what is not remembered, and answers only what was committed. */
  async of(ids: readonly string[], load: (missing: readonly string[]) => Promise<ReadonlyMap<string, T>>): Promise<ReadonlyMap<string, T>> {
    const found = new Map<string, T>();
    const missing = new Set<string>();
    for (const id of ids) {
      const row = this.rows.get(id);
      if (row === undefined) missing.add(id);
      else found.set(id, row);
    }
    if (missing.size === 0) return found;
    for (const [id, row] of await load([...missing])) {
      found.set(id, row);
      if (this.rows.size >= this.max) this.rows.clear();
      this.rows.set(id, row);
    }
    return found;
  }
}
