import { failure } from '#protocol';
import type { DecisionFields } from '#protocol';

type Named = DecisionFields['durability'];

const stream = 'RECORDS';
const replicasOf: Record<Named, number> = { 'one-replica': 1, 'three-replicas': 3 };

/** What of JetStream's API is asked. */
export interface StreamStates {
  readonly streams: { info(name: string): Promise<{ readonly config: { readonly num_replicas: number } }> };
}

/**
 * That the stream of records is kept as often as records are to say. Errors: REQUEST_INVALID when it has fewer replicas, the bus's own when it
 * cannot be asked.
 */
export async function assertDurability(claimed: Named, states: StreamStates): Promise<void> {
  const wanted = replicasOf[claimed];
  // Nothing is kept less than once.
  if (wanted === 1) return;
  const { num_replicas: replicas } = (await states.streams.info(stream)).config;
  if (replicas >= wanted) return;
  throw failure('REQUEST_INVALID', `gateway: RECORD_DURABILITY is ${claimed}, but the stream ${stream} has ${replicas} of ${wanted} replicas. Provision the streams with STREAM_REPLICAS=${wanted}, or set RECORD_DURABILITY=one-replica`);
}
