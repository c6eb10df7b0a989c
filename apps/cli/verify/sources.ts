import type { Clock } from '#kernel';
import type { ChainView } from './chain-view.js';
import type { SignedHead } from './signed-head.js';
import type { StreamProgress } from './stream-progress.js';

/** Runs one statement; rows as node-postgres gives them: bigint and numeric as text. */
export type Query = <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>;

/** Where the invariants are looked at from outside. `undefined`: not given, and the answer says so. */
export interface Sources {
  /** One consistent, read-only view of all schemas. */
  snapshot<T>(look: (query: Query) => Promise<T>): Promise<T>;
  readonly chain: ChainView | undefined;
  readonly streams: StreamProgress | undefined;
  /** The log's newest signed checkpoint, as the API serves it. */
  readonly signedHead: (() => Promise<SignedHead>) | undefined;
  readonly clock: Clock;
}
