import { connect, jwtAuthenticator } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { nodeSubjects } from '#protocol';
import type { Enrolment } from './enrolment/enrol.js';
import type { NodeKeys } from './keys/node-keys.js';

/** Dials out to the network with the node's own credential; reconnects for ever. This opens no port of the machine. */
export function connectNode(enrolment: Enrolment, keys: NodeKeys): Promise<NatsConnection> {
  return connect({
    servers: enrolment.natsUrl,
    name: `mizan-node-${enrolment.node}`,
    authenticator: jwtAuthenticator(enrolment.natsJwt, keys.natsSeed),
    inboxPrefix: nodeSubjects.inboxPrefix(enrolment.node),
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
    pingInterval: 5_000,
    maxPingOut: 2,
  });
}
