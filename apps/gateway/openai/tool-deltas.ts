interface Call {
  index?: unknown;
  id?: unknown;
  type?: unknown;
  function?: unknown;
}

/** The tool calls of one choice so far. */
interface Calls {
  /** Our index of each that the engine has numbered. */
  readonly byIndex: Map<number, number>;
  lastId: unknown;
  count: number;
}

/**
 * Repairs the pieces of streamed tool calls, which clients put together by index: numbered from 0 in the order of their appearance, an
 * index that is missing found by the id, and members that are absent left out instead of null.
 */
export class ToolDeltas {
  private readonly choices = new Map<unknown, Calls>();

  /** Changes the choice in place; says whether it did. */
  repair(choice: unknown): boolean {
    const { index, delta } = (choice ?? {}) as { index?: unknown; delta?: Record<string, unknown> | null };
    if (delta === null || typeof delta !== 'object') return false;
    let changed = dropNulls(delta, ['tool_calls', 'function_call']);
    const { tool_calls: calls } = delta;
    if (!Array.isArray(calls)) return changed;
    for (const call of calls as (Call | null)[]) {
      if (typeof call !== 'object' || call === null) continue;
      changed = dropNulls(call, ['id', 'type', 'function']) || changed;
      if (typeof call.function === 'object') changed = dropNulls(call.function as object, ['name', 'arguments']) || changed;
      changed = this.number(call, this.callsOf(index)) || changed;
    }
    return changed;
  }

  private number(call: Call, calls: Calls): boolean {
    const given = call.index;
    const index = typeof given === 'number' ? known(calls, given, () => calls.count++) : unnumbered(calls, call);
    calls.lastId = call.id ?? calls.lastId;
    if (index === given) return false;
    call.index = index;
    return true;
  }

  private callsOf(choice: unknown): Calls {
    return known({ byIndex: this.choices }, choice, () => ({ byIndex: new Map(), lastId: undefined, count: 0 }));
  }
}

/** A piece with an id that was not the last one's begins a call; any other continues the last. */
function unnumbered(calls: Calls, call: Call): number {
  const begins = calls.count === 0 || (call.id !== undefined && call.id !== calls.lastId);
  if (begins) calls.count += 1;
  return calls.count - 1;
}

function known<K, V>({ byIndex }: { readonly byIndex: Map<K, V> }, key: K, make: () => V): V {
  const found = byIndex.get(key);
  if (found !== undefined) return found;
  const made = make();
  byIndex.set(key, made);
  return made;
}

function dropNulls(value: object, names: readonly string[]): boolean {
  const members = value as Record<string, unknown>;
  const absent = names.filter((name) => members[name] === null);
  for (const name of absent) delete members[name];
  return absent.length > 0;
}
