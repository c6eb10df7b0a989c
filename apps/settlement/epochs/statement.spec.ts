import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ZeroHash } from 'ethers';
import { unpackList } from '#chain';
import { statementFor, statementSeconds } from './statement.js';
import type { Draw, FinalView } from './statement.js';

const addresses = ['0x70997970C51812dc3A010C7d01b50e0d17dc79C8', '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC', '0x90F79bf6EB2c4f870365E785982E1f101E93b906'];
const payer = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';
const audit = { root: `0x${'ab'.repeat(32)}`, size: 12 };
const registryHash = `0x${'cd'.repeat(32)}`;

function viewOf(credits: readonly bigint[], available: bigint, epoch = 0n): FinalView {
  const cumulativeTotal = credits.reduce((sum, each) => sum + each, 0n);
  return {
    payer: { available, cumulativeTotal, epoch, auditSize: 0n, auditRoot: ZeroHash, thawing: 0n, thawEndsAt: 0n },
    registryHash,
    indices: new Map(addresses.map((address, at) => [address, 10 - at])),
    credits: new Map(credits.map((credit, at) => [10 - at, credit])),
  };
}

/** What billing draws after `credits` when `owed` more is due. */
function drawOf(credits: readonly bigint[], owed: readonly bigint[]): Draw {
  const payees = owed.map((units, at) => ({ payee: addresses[at]!.toLowerCase(), units, cumulativeUnits: credits[at]! + units }));
  const totalUnits = owed.reduce((sum, each) => sum + each, 0n);
  return { id: 'd', tenant: 't', payer, payees, totalUnits, cumulativeTotalUnits: credits.reduce((sum, each) => sum + each, totalUnits), rate: null };
}

const three = fc.tuple(fc.bigInt(0n, 2n ** 40n), fc.bigInt(0n, 2n ** 40n), fc.bigInt(1n, 2n ** 40n));

/** The code and details of the DomainError that the work throws. */
function refusalOf(work: () => unknown): { code: string; details: unknown } | null {
  try {
    work();
    return null;
  } catch (error) {
    const { code, details } = error as { code: string; details: unknown };
    return { code, details };
  }
}

describe('a statement over a draw', () => {
  it('names every payee by index with its cumulative total, and sums to the payer’s', () => {
    fc.assert(
      fc.property(three, three, (credits, owed) => {
        const draw = drawOf(credits, owed);
        const { statement, list } = statementFor(draw, viewOf(credits, draw.totalUnits), audit, 0n, 1_000)!;
        expect(unpackList(list)).toEqual([2, 1, 0].map((at) => ({ index: 10 - at, cumulative: credits[at]! + owed[at]! })));
        expect(statement).toMatchObject({ payer, epoch: 1n, cumulativeTotal: draw.cumulativeTotalUnits, registryHash, auditRoot: audit.root, auditSize: 12n, validUntil: 1n + statementSeconds });
      }),
    );
  });

  it('takes a number above all that the chain has seen and all that was ever signed', () => {
    const draw = drawOf([0n, 0n, 0n], [1n, 1n, 1n]);
    expect(statementFor(draw, viewOf([0n, 0n, 0n], 3n, 7n), audit, 4n, 0)!.statement.epoch).toBe(8n);
    expect(statementFor(draw, viewOf([0n, 0n, 0n], 3n, 7n), audit, 9n, 0)!.statement.epoch).toBe(10n);
  });

  it('is not made again when the escrow holds its totals', () => {
    expect(statementFor(drawOf([0n, 0n, 0n], [1n, 2n, 3n]), viewOf([1n, 2n, 3n], 0n), audit, 1n, 0)).toBeNull();
  });

  it('is refused when the deposit is a unit short', () => {
    const draw = drawOf([5n, 5n, 5n], [1n, 2n, 3n]);
    expect(refusalOf(() => statementFor(draw, viewOf([5n, 5n, 5n], 5n), audit, 0n, 0))).toEqual({ code: 'DEPOSIT_INSUFFICIENT', details: { availableUnits: '5', dueUnits: '6' } });
    expect(refusalOf(() => statementFor(draw, viewOf([5n, 5n, 5n], 6n), audit, 0n, 0))).toBeNull();
  });

  it('is refused when books and escrow differ by a unit anywhere', () => {
    const draw = drawOf([5n, 5n, 5n], [1n, 2n, 3n]);
    for (const credits of [[4n, 5n, 5n], [5n, 6n, 5n], [4n, 6n, 5n], [5n, 5n, 9n]]) {
      expect(refusalOf(() => statementFor(draw, viewOf(credits, 100n), audit, 0n, 0))).toMatchObject({ code: 'LEDGER_UNBALANCED' });
    }
    expect(refusalOf(() => statementFor({ ...draw, totalUnits: 7n }, viewOf([5n, 5n, 5n], 100n), audit, 0n, 0))).toMatchObject({ code: 'LEDGER_UNBALANCED' });
    expect(refusalOf(() => statementFor({ ...draw, cumulativeTotalUnits: 22n }, viewOf([5n, 5n, 5n], 100n), audit, 0n, 0))).toMatchObject({ code: 'LEDGER_UNBALANCED' });
  });
});
