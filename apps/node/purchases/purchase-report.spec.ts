import { describe, expect, it } from '@jest/globals';
import { purchaseReport } from './purchase-report.js';

const at = Date.UTC(2026, 0, 2, 12);
const bought = { id: '1', host: 'a.example', atMs: at, state: 'paid', ended: 'answered', nanos: 40_000n, nanosMax: 50_000n } as const;

describe('what was bought', () => {
  it('is summed by day and seller: what was paid, what of it was lost, what is open; each purchase once', () => {
    const report = purchaseReport([
      { ...bought, id: '0', atMs: at - 86_400_000 },
      bought,
      bought,
      { ...bought, id: '2', ended: 'failed' },
      { ...bought, id: '3', state: 'signed', ended: null, nanos: null },
      { ...bought, id: '4', state: 'lapsed', ended: 'failed', nanos: 0n },
      { ...bought, id: '5', host: 'b.example' },
    ]);
    expect(report).toEqual([
      { day: '2026-01-02', host: 'a.example', requests: 4, paidUsd: '0.00008', lostUsd: '0.00004', openUsd: '0.00005' },
      { day: '2026-01-02', host: 'b.example', requests: 1, paidUsd: '0.00004', lostUsd: '0', openUsd: '0' },
      { day: '2026-01-01', host: 'a.example', requests: 1, paidUsd: '0.00004', lostUsd: '0', openUsd: '0' },
    ]);
  });
});
