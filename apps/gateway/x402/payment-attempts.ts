import { isIPv6 } from 'node:net';
import type { Clock } from '#kernel';
import { Lru } from '#kernel';
import { failure } from '#protocol';
import { Gcra } from '../limits/gcra.js';
import type { Share } from '../limits/share.js';

/** Payments that one client may bring: an agent buys a request in a second at best, and some stand behind one address; a minute's worth of one agent at once. */
export const perClient: Share = { rate: 300, burst: 60 };
/** Payments that all together may bring to one gateway: twice as many as settlement asks the chain about (ten a second), for replays and what is refused here are not asked about; ten seconds' worth at once. */
export const altogether: Share = { rate: 1_200, burst: 200 };
/** Clients remembered, some 2 MB. One that is forgotten begins anew: whoever has so many addresses meets the other limit. */
const clientsMax = 10_000;

/** Payments of callers without an account cost them nothing to bring: how many are looked at. */
export class PaymentAttempts {
  private readonly clients = new Lru<string, Gcra>(clientsMax);
  private readonly all = new Gcra();

  constructor(private readonly clock: Pick<Clock, 'monotonicMs'>) {}

  /** Counts one. Error: RATE_LIMITED, with `details.retryAfterMs`; what is refused is not counted. */
  admit(address: string): void {
    const nowMs = this.clock.monotonicMs();
    const client = this.of(clientOf(address));
    const waitMs = Math.max(client.waitMs(nowMs, 1, perClient), this.all.waitMs(nowMs, 1, altogether));
    if (waitMs > 0) throw failure('RATE_LIMITED', 'too many payments are brought from here, or altogether; send this one again later', { retryAfterMs: waitMs });
    client.take(nowMs, 1, perClient);
    this.all.take(nowMs, 1, altogether);
  }

  private of(client: string): Gcra {
    const known = this.clients.get(client);
    if (known) return known;
    const made = new Gcra();
    this.clients.set(client, made);
    return made;
  }
}

/** Whoever has one IPv6 address has the 2^64 of its network. */
function clientOf(address: string): string {
  if (!isIPv6(address) || address.toLowerCase().startsWith('::ffff:')) return address;
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = tail === undefined ? left : [...left, ...Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0'), ...right];
  return groups.slice(0, 4).map((group) => parseInt(group, 16).toString(16)).join(':');
}
