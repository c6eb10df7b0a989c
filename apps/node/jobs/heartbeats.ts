import type { NatsConnection } from '@nats-io/transport-node';
import { limits, nodeSubjects } from '#protocol';
import type { heartbeat } from '#protocol';
import type { z } from 'zod';
import type { Capacity } from './capacity.js';

/** Tells the scheduler every `heartbeatMs` that the node lives and how busy it is. Returns how to stop. */
export function startHeartbeats(connection: NatsConnection, node: string, capacity: Capacity): () => void {
  const beat = (): void => {
    if (connection.isClosed()) return;
    const message: z.output<typeof heartbeat> = { v: 1, node, inFlight: capacity.inFlight, capacity: capacity.places, sentAtMs: Date.now() };
    connection.publish(nodeSubjects.heartbeat(node), JSON.stringify(message));
  };
  beat();
  const timer = setInterval(beat, limits.heartbeatMs);
  return () => clearInterval(timer);
}
