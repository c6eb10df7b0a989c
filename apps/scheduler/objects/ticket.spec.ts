import { describe, expect, it } from '@jest/globals';
import { readTicket, writeTicket } from './ticket.js';

const key = Buffer.alloc(32, 7);
const id = '00000000-0000-7000-8000-000000000001';
const good = { may: 'get-file' as const, tenant: id, id, untilMs: 2_000 };

describe('a ticket', () => {
  it('opens what it was written for, until it runs out', () => {
    const written = writeTicket(key, good);
    expect(readTicket(key, written, 'get-file', 1_999)).toEqual(good);
    expect(readTicket(key, written, 'get-file', 2_000)).toBeUndefined();
    expect(readTicket(key, written, 'put-file', 1_999)).toBeUndefined();
  });

  it('of another key, changed, or no ticket at all opens nothing', () => {
    const written = writeTicket(key, good);
    const [text, signature] = written.split('.') as [string, string];
    const forged = Buffer.from(JSON.stringify({ ...good, untilMs: 9e12 })).toString('base64url');
    for (const wrong of [writeTicket(Buffer.alloc(32, 8), good), `${forged}.${signature}`, `${text}.`, text, '', '.', 'a.b.c']) {
      expect(readTicket(key, wrong, 'get-file', 1_000)).toBeUndefined();
    }
  });
});
