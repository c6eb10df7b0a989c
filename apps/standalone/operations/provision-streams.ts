import { readFileSync } from 'node:fs';
import { provisionNats } from '#local';

/** Makes or updates every stream and bucket. Environment: NATS_URL, NATS_CREDS (of `provision`), STREAM_REPLICAS (1; 3 or 5 in production). */
const { NATS_URL, NATS_CREDS, STREAM_REPLICAS = '1' } = process.env;
if (!NATS_URL || !NATS_CREDS || !['1', '3', '5'].includes(STREAM_REPLICAS)) {
  console.error('provision-streams: set NATS_URL, NATS_CREDS, and STREAM_REPLICAS to 1, 3 or 5');
  process.exit(2);
}
await provisionNats(NATS_URL, readFileSync(NATS_CREDS, 'utf8'), Number(STREAM_REPLICAS));
console.log(`streams and buckets are in place, ${STREAM_REPLICAS} replicas each`);
