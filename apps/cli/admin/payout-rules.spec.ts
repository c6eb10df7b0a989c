import { describe, expect, it } from '@jest/globals';
import { scheduleFrom, timeFrom } from './payout-rules.js';

describe('a schedule as it is typed', () => {
  it.each([
    ['90m', { kind: 'interval', minutes: 90 }],
    ['09:30', { kind: 'daily', at: '09:30' }],
    ['Monday 00:00', { kind: 'weekly', weekday: 1, at: '00:00' }],
    ['sunday 23:59', { kind: 'weekly', weekday: 7, at: '23:59' }],
    ['28 06:00', { kind: 'monthly', day: 28, at: '06:00' }],
    ['none', null],
  ])('%s', (text, expected) => {
    expect(scheduleFrom(text)).toEqual(expected);
  });

  it.each(['', '24:00', '9:30', 'someday 09:30', '29 09:30', '0m', 'monday', '1h'])('refuses "%s" and says what may be written', (text) => {
    expect(() => scheduleFrom(text)).toThrow('is no schedule: write 90m');
  });
});

describe('the end of a hold as it is typed', () => {
  it('is a time, or none', () => {
    expect(timeFrom('2026-12-31T00:00Z')).toBe(Date.UTC(2026, 11, 31));
    expect(timeFrom(undefined)).toBeNull();
  });

  it.each(['', 'tomorrow', '31.12.2026', '2026-13-01T00:00Z'])('is not "%s", which would be a hold without an end', (text) => {
    expect(() => timeFrom(text)).toThrow('is no time');
  });
});
