import { describe, expect, it } from '@jest/globals';
import { busiestNode } from './kill-one.js';
import { decimal } from './pay-providers.js';
import { emptyRoutes, refusalsOf, routesOf } from './routes.js';
import type { Trace } from './trace.js';

const ran = (node: string, personalData: boolean, extra: Partial<Trace> = {}): Trace => ({
  record: 'r',
  dataClass: personalData ? 'confidential' : 'internal',
  personalData,
  permittedOffers: 2,
  refusedBy: [],
  ran: { node, nodeName: `name of ${node}`, region: `region of ${node}`, pricePerMillionNanos: 20_000_000n, chargeNanos: 5n },
  failedOver: false,
  ...extra,
});
const refused = (...ids: string[]): Trace => ({ ...ran('', false), ran: null, refusedBy: ids.map((id) => ({ id, reason: `reason of ${id}` })) });
const plan = { refusesSenders: true, killed: { node: 'a', personalData: true } };

describe('routes', () => {
  it('count requests and charges by class, machine and price', () => {
    const dearer = ran('a', true);
    const traces = [ran('a', true), ran('a', true), ran('b', false), { ...dearer, ran: { ...dearer.ran!, pricePerMillionNanos: 30_000_000n } }, refused('p')];
    expect(routesOf(traces).map(({ dataClass, node, count, chargedNanos, pricePerMillionNanos }) => [dataClass, node, count, chargedNanos, pricePerMillionNanos])).toEqual([
      ['confidential', 'name of a', 2, 10n, 20_000_000n],
      ['confidential', 'name of a', 1, 5n, 30_000_000n],
      ['internal', 'name of b', 1, 5n, 20_000_000n],
    ]);
  });

  it('count refusals by policy, most first', () => {
    expect(refusalsOf([refused('p'), refused('q', 'p'), ran('a', true)])).toEqual([
      { policy: 'p', reason: 'reason of p', count: 2 },
      { policy: 'q', reason: 'reason of q', count: 1 },
    ]);
  });

  it('are all taken by a complete run', () => {
    expect(emptyRoutes(plan, [ran('a', true), ran('c', true, { failedOver: true }), ran('b', false), refused('p')])).toEqual([]);
  });

  it('are named when they stay empty', () => {
    expect(emptyRoutes(plan, [ran('a', true), ran('b', false)])).toEqual(['mail of refused senders', 'the machine that took over', 'failover']);
    expect(emptyRoutes(plan, [])).toHaveLength(6);
    expect(emptyRoutes({ refusesSenders: false, killed: null }, [ran('a', true)])).toEqual(['mail without personal data']);
  });
});

describe('the machine to kill', () => {
  it('is the one with most personal data', () => {
    expect(busiestNode([ran('b', false), ran('b', false), ran('b', false), ran('a', true), ran('a', true), ran('c', true)])).toEqual({ node: 'a', personalData: true });
  });

  it('is never one whose work nobody else may take over', () => {
    expect(busiestNode([ran('a', true, { permittedOffers: 1 }), ran('b', false)])).toEqual({ node: 'b', personalData: false });
    expect(busiestNode([ran('a', true, { permittedOffers: 1 })])).toBeUndefined();
  });
});

describe('token amounts', () => {
  it('are exact decimals', () => {
    expect([decimal(1_234_567n, 6), decimal(5n, 6), decimal(2_000_000n, 6), decimal(0n, 6), decimal(7n, 0)]).toEqual(['1.234567', '0.000005', '2', '0', '7']);
  });
});
