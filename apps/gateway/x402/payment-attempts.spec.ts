import { describe, expect, it } from '@jest/globals';
import { altogether, PaymentAttempts, perClient } from './payment-attempts.js';

function attempts(): { clock: { nowMs: number; monotonicMs(): number }; admits: (address: string) => boolean } {
  const clock = { nowMs: 0, monotonicMs: () => clock.nowMs };
  const counted = new PaymentAttempts(clock);
  const admits = (address: string): boolean => {
    try {
      counted.admit(address);
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: 'RATE_LIMITED', details: { retryAfterMs: expect.any(Number) } });
      return false;
    }
  };
  return { clock, admits };
}

describe('payments of callers without an account', () => {
  it('are limited for each client, and come again at its rate', () => {
    const { clock, admits } = attempts();
    const taken = Array.from({ length: perClient.burst + 5 }, () => admits('192.0.2.1')).filter(Boolean);
    expect([taken.length, admits('192.0.2.2')]).toEqual([perClient.burst, true]);
    clock.nowMs += 60_000 / perClient.rate;
    expect([admits('192.0.2.1'), admits('192.0.2.1')]).toEqual([true, false]);
  });

  it('are limited altogether, whatever number of addresses they come from', () => {
    const { admits } = attempts();
    const taken = Array.from({ length: altogether.burst + 50 }, (_, at) => admits(`198.51.${at >> 8}.${at & 255}`)).filter(Boolean);
    expect(taken).toHaveLength(altogether.burst);
  });

  it('are counted together for all addresses of one IPv6 network, however they are written', () => {
    const { admits } = attempts();
    const taken = Array.from({ length: perClient.burst }, (_, at) => admits(`2001:db8:0:1::${(at + 1).toString(16)}`)).filter(Boolean);
    expect([taken.length, admits('2001:db8:0:1:a:b:c:d'), admits('2001:0db8::1:0:0:0:5'), admits('2001:db8:0:2::1')]).toEqual([perClient.burst, false, false, true]);
  });
});
