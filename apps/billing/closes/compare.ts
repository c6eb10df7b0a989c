import { nanosMax } from '#kernel';
import type { Nanos } from '#kernel';
import type { ChainPayer, CloseDifference, RecordEnd } from '#protocol';

/** A charge as far as the log can be compared with it. */
export interface ClosedCharge {
  readonly record: string;
  readonly recordType: string;
  readonly tenant: string;
  readonly amountNanos: Nanos;
}

/** What no book can hold was booked as zero. */
const bookable = (nanos: Nanos): Nanos => (nanos >= 0n && nanos <= nanosMax ? nanos : 0n);

/** A charge against the end that the log has of its record. */
export function compareEnd(end: RecordEnd, charge: ClosedCharge): CloseDifference[] {
  const differs = (what: string, inLog: string, inBooks: string): CloseDifference[] => (inLog === inBooks ? [] : [{ kind: 'charge_not_record', subject: end.record, detail: `${what}: ${inLog} in the log, ${inBooks} in the books` }]);
  return [
    ...differs('kind of end', end.type, charge.recordType),
    ...differs('organisation', end.tenant, charge.tenant),
    ...(end.unreadable ? differs('nanos', 'unreadable', charge.amountNanos.toString()) : []),
    ...(end.chargeNanos === null ? [] : differs('nanos', bookable(end.chargeNanos).toString(), charge.amountNanos.toString())),
  ];
}

/** Token units by the books: deposits by tenant, the others by `<tenant> <payee>`. */
export interface TokenBooks {
  readonly deposits: ReadonlyMap<string, bigint>;
  readonly settled: ReadonlyMap<string, bigint>;
  readonly left: ReadonlyMap<string, bigint>;
}

/** The chain against the books, both ways and to the unit. */
export function compareChain(payers: readonly ChainPayer[], books: TokenBooks): CloseDifference[] {
  const onChain = {
    deposits: new Map(payers.map(({ tenant, availableUnits }) => [tenant, availableUnits])),
    settled: new Map(payers.flatMap(({ tenant, credits }) => credits.map((credit) => [`${tenant} ${credit.payee.toLowerCase()}`, credit.cumulativeUnits] as const))),
    left: new Map(payers.flatMap(({ tenant, credits }) => credits.map((credit) => [`${tenant} ${credit.payee.toLowerCase()}`, credit.leftUnits] as const))),
  };
  return [...differing('deposit_not_chain', onChain.deposits, books.deposits), ...differing('settled_not_chain', onChain.settled, books.settled), ...differing('credit_not_chain', onChain.left, books.left)];
}

function differing(kind: CloseDifference['kind'], chain: ReadonlyMap<string, bigint>, books: ReadonlyMap<string, bigint>): CloseDifference[] {
  return [...new Set([...chain.keys(), ...books.keys()])].sort().flatMap((subject): CloseDifference[] => {
    const [units, booked] = [chain.get(subject) ?? 0n, books.get(subject) ?? 0n];
    return units === booked ? [] : [{ kind, subject, detail: `${units} units on chain, ${booked} in the books` }];
  });
}
