import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { withClient } from '#local';
import { createTestDatabase } from '#testing';
import { arrayOf, slicesOf, textsOf } from './array-text.js';

describe('arrays for PostgreSQL', () => {
  it('arrive as they were sent, whatever is in them', async () => {
    const database = await createTestDatabase({ service: 'billing' });
    try {
      await withClient(database.url, async (client) => {
        const sent = async (type: string, text: string): Promise<unknown> => (await client.query<{ back: unknown }>(`SELECT $1::${type}[]::text[] AS back`, [text])).rows[0]!.back;
        const texts = fc.array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('NULL', 'null', '', '{}', 'a,b', '"', '\\', ' x', 'USD')).filter((text) => !text.includes('\0')));
        await fc.assert(fc.asyncProperty(texts, async (values) => expect(await sent('text', textsOf(values))).toEqual(values)));
        const cut = 'SELECT substring($1::bytea FROM start FOR length) AS part FROM unnest($2::int[], $3::int[]) WITH ORDINALITY AS slice (start, length, place) ORDER BY place';
        await fc.assert(
          fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), async (parts) => {
            const { bytes, starts, lengths } = slicesOf(parts);
            const { rows } = await client.query<{ part: Buffer }>(cut, [bytes, starts, lengths]);
            expect(rows.map(({ part }) => part.toString('hex'))).toEqual(parts.map((part) => Buffer.from(part).toString('hex')));
          }),
          { numRuns: 50 },
        );
        expect(await sent('bigint', arrayOf([2n ** 63n - 1n, -(2n ** 63n), 0]))).toEqual(['9223372036854775807', '-9223372036854775808', '0']);
      });
    } finally {
      await database.drop();
    }
  });
});
