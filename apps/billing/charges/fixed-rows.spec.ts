import { describe, expect, it } from '@jest/globals';
import { FixedRows } from './fixed-rows.js';

describe('rows that never change', () => {
  /** A table of the given rows, and what was asked of it. */
  const table = (...there: string[]) => {
    const asked: string[][] = [];
    const load = async (ids: readonly string[]): Promise<ReadonlyMap<string, string>> => {
      asked.push([...ids]);
      return new Map(ids.flatMap((id) => (there.includes(id) ? [[id, `row ${id}`]] : [])));
    };
    return { there, asked, load };
  };

  it('are looked up once, each of them', async () => {
    const { asked, load } = table('a', 'b');
    const rows = new FixedRows<string>(10);
    expect(await rows.of(['a', 'a'], load)).toEqual(new Map([['a', 'row a']]));
    expect(await rows.of(['b', 'a'], load)).toEqual(new Map([['a', 'row a'], ['b', 'row b']]));
    expect(await rows.of(['a', 'b'], load)).toEqual(new Map([['a', 'row a'], ['b', 'row b']]));
    expect(asked).toEqual([['a'], ['b']]);
  });

  it('are looked for again until they are there', async () => {
    const { there, asked, load } = table();
    const rows = new FixedRows<string>(10);
    expect(await rows.of(['a'], load)).toEqual(new Map());
    there.push('a');
    expect(await rows.of(['a'], load)).toEqual(new Map([['a', 'row a']]));
    expect(asked).toEqual([['a'], ['a']]);
  });

  it('are all answered where there are more than are kept, which are never more than that', async () => {
    const { asked, load } = table('a', 'b', 'c');
    const rows = new FixedRows<string>(2);
    expect((await rows.of(['a', 'b', 'c'], load)).size).toBe(3);
    await rows.of(['c'], load);
    await rows.of(['a'], load);
    expect(asked).toEqual([['a', 'b', 'c'], ['a']]);
  });
});
