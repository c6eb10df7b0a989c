import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { bigints, smallints, texts, uuids } from './binary-arrays.js';

describe('arrays in binary form', () => {
  let books: Books;
  const read = async (type: string, value: Buffer): Promise<unknown> => {
    const [row] = await books.within((manager) => manager.query<{ elements: string }[]>(`SELECT COALESCE(array_to_json($1::${type}[]::text[]), '[]') AS elements`, [value]));
    return row!.elements;
  };

  beforeAll(async () => void (books = await openBooks()));
  afterAll(() => books.close());

  it('arrive as what they were', async () => {
    const ids = ['00000000-0000-0000-0000-000000000000', '0123abcd-ef45-6789-abcd-ef0123456789', 'ffffffff-ffff-ffff-ffff-ffffffffffff'];
    const words = ['', 'USD', 'NULL', 'null', 'a "quoted" \\ one', '{x,y}', 'حساب', '𝄞 é', "it's"];
    expect(await read('uuid', uuids(ids))).toEqual(ids);
    expect(await read('uuid', uuids(ids.map((id) => id.toUpperCase())))).toEqual(ids);
    expect(await read('text', texts(words))).toEqual(words);
    expect(await read('bigint', bigints([0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]))).toEqual(['0', '-1', '9223372036854775807', '-9223372036854775808']);
    expect(await read('smallint', smallints([0, -1, 32_767, -32_768]))).toEqual(['0', '-1', '32767', '-32768']);
  });

  it('may be empty', async () => {
    for (const [type, value] of [['uuid', uuids([])], ['text', texts([])], ['bigint', bigints([])], ['smallint', smallints([])]] as const) expect(await read(type, value)).toEqual([]);
  });

  it('refuse what does not fit, here and not in the books', () => {
    for (const id of ['', 'x', '0123abcd-ef45-6789-abcd-ef012345678', '0123abcd-ef45-6789-abcd-ef01234567890', '0123abcd-ef45-6789-abcd-ef012345678g', '0123abcd-ef45-6789-abcd-ef012345678٣']) expect(() => uuids([id])).toThrow(RangeError);
    expect(() => bigints([2n ** 63n])).toThrow('out of range');
    expect(() => smallints([32_768])).toThrow('out of range');
  });
});
