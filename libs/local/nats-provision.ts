import { jetstreamManager, DiscardPolicy, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import type { JetStreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { connect, credsAuthenticator, nanos } from '@nats-io/transport-node';
import { buckets, serviceInboxPrefix, streams } from '#protocol';

/**
 * Makes or updates every stream and key-value bucket of the protocol. Idempotent. Services may not do this:
 * only the `provision` credential may.
 */
export async function provisionNats(url: string, provisionCredentials: string, replicas = 1): Promise<void> {
  const connection = await connect({
    servers: url,
    authenticator: credsAuthenticator(new TextEncoder().encode(provisionCredentials)),
    inboxPrefix: serviceInboxPrefix('provision'),
    name: 'provision',
    reconnect: false,
  });
  try {
    const manager = await jetstreamManager(connection);
    const existing = new Set(await manager.streams.names().next());
    for (const stream of streams) await ensureStream(manager, existing.has(stream.name), stream, replicas);
    const kvm = new Kvm(connection);
    // A bucket is a stream named KV_<name>; replicas read it from the start, so one version of each key is enough.
    for (const bucket of buckets) {
      if (!existing.has(`KV_${bucket.name}`)) await kvm.create(bucket.name, { history: 1, replicas, storage: StorageType.File, ...('maxAgeMs' in bucket ? { ttl: bucket.maxAgeMs, max_bytes: bucket.bytesMax } : {}) });
    }
  } finally {
    await connection.close();
  }
}

async function ensureStream(manager: JetStreamManager, exists: boolean, stream: (typeof streams)[number], replicas: number): Promise<void> {
  const changeable = {
    subjects: [...stream.subjects],
    max_age: nanos(stream.maxAgeMs),
    duplicate_window: nanos(stream.duplicateWindowMs),
    num_replicas: replicas,
    discard: DiscardPolicy.Old,
    no_ack: !stream.acknowledges,
    max_msg_size: stream.messageBytesMax,
    max_msgs_per_subject: stream.messagesPerSubjectMax,
    // What is on record leaves by age alone.
    deny_delete: true,
    deny_purge: true,
  };
  if (exists) await manager.streams.update(stream.name, changeable);
  else await manager.streams.add({ name: stream.name, ...changeable, retention: RetentionPolicy.Limits, storage: StorageType.File });
}
