import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EventReader, isDone } from './server-sent-events.js';

const read = (chunks: readonly Buffer[]): { event: string | undefined; data: string }[] => {
  const reader = new EventReader();
  const events = chunks.flatMap((chunk) => [...reader.take(chunk)]);
  const last = reader.end();
  return [...events, ...(last ? [last] : [])].map(({ event, data }) => ({ event, data: data.toString('utf8') }));
};

/** The bytes cut at some places. */
const cut = (bytes: Buffer, places: readonly number[]): Buffer[] => {
  const at = [0, ...[...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
};

describe('server-sent events', () => {
  it('are read the same wherever the bytes are cut and however lines end', () => {
    const event = fc.record({ event: fc.option(fc.constantFrom('delta', 'response.completed'), { nil: undefined }), data: fc.array(fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll(/[\r\n]/g, '')), { minLength: 1, maxLength: 3 }) });
    const newline = fc.constantFrom('\n', '\r\n', '\r');
    fc.assert(
      fc.property(fc.array(event), newline, fc.array(fc.nat(), { maxLength: 30 }), (events, end, places) => {
        const text = events.map(({ event: name, data }) => [': a comment', ...(name === undefined ? [] : [`event: ${name}`]), 'id: 7', ...data.map((line) => `data: ${line}`), '', ''].join(end)).join('');
        expect(read(cut(Buffer.from(text), places))).toEqual(events.map(({ event: name, data }) => ({ event: name, data: data.join('\n') })));
      }),
    );
  });

  it('are read byte by byte', () => {
    const bytes = Buffer.from('data: 天秤👍\r\n\r\ndata:b\r\n\r\n');
    expect(read([...bytes].map((byte) => Buffer.from([byte])))).toEqual([{ event: undefined, data: '天秤👍' }, { event: undefined, data: 'b' }]);
  });

  it('without data are none, and the last needs no empty line', () => {
    expect(read([Buffer.from('event: x\n\n: c\n\nretry: 5\n\ndata: [DONE]')])).toEqual([{ event: undefined, data: '[DONE]' }]);
    expect([isDone(Buffer.from('[DONE]')), isDone(Buffer.from('{}'))]).toEqual([true, false]);
  });

  it('over a mebibyte are refused, in one line or in many', () => {
    expect(() => [...new EventReader().take(Buffer.concat([Buffer.from('data: '), Buffer.alloc(1_100_000, 'x')]))]).toThrow(/over/);
    const reader = new EventReader();
    expect(() => {
      for (let n = 0; n < 1_200; n += 1) Array.from(reader.take(Buffer.from(`data: ${'x'.repeat(1_000)}\n`)));
    }).toThrow(/over/);
  });
});
