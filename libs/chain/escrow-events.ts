import { Interface } from 'ethers';
import type { Log } from 'ethers';
import { escrowAbi } from '#protocol';

export const escrowInterface = new Interface(escrowAbi);

/** Where on chain an event stands. */
export interface EventPosition {
  readonly tx: string;
  readonly blockHash: string;
  readonly blockNumber: number;
  readonly logIndex: number;
}

/** The escrow's events that move money. Amounts in units. */
export type EscrowEvent =
  | { readonly name: 'Deposited'; readonly payer: string; readonly units: bigint; readonly available: bigint }
  | { readonly name: 'DepositWithdrawn'; readonly payer: string; readonly to: string; readonly units: bigint }
  | {
      readonly name: 'EpochSettled';
      readonly payer: string;
      readonly epoch: bigint;
      readonly listHash: string;
      readonly units: bigint;
      readonly cumulativeTotal: bigint;
      readonly auditRoot: string;
      readonly auditSize: bigint;
    }
  | { readonly name: 'Withdrawn'; readonly payer: string; readonly index: number; readonly to: string; readonly units: bigint; readonly drawn: bigint };
export type EscrowEventName = EscrowEvent['name'];

export type PlacedEvent = EscrowEvent & { readonly at: EventPosition };

const names = ['Deposited', 'DepositWithdrawn', 'EpochSettled', 'Withdrawn'] as const satisfies readonly EscrowEventName[];

/** First topics of the events that {@link decodeEvent} knows. */
export const eventTopics: string[] = names.map((name) => escrowInterface.getEvent(name)!.topicHash);

/** Reads one log of the escrow; null for events that move no money. */
export function decodeEvent(log: Log): PlacedEvent | null {
  const parsed = escrowInterface.parseLog(log);
  if (!parsed || !(names as readonly string[]).includes(parsed.name)) return null;
  const fields = parsed.args.toObject() as Record<string, unknown>;
  if ('index' in fields) fields['index'] = Number(fields['index']);
  const at: EventPosition = { tx: log.transactionHash, blockHash: log.blockHash, blockNumber: log.blockNumber, logIndex: log.index };
  return { name: parsed.name, ...fields, at } as PlacedEvent;
}
