import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { allowListText } from '#outbound';
import { limits } from '#protocol';

/**
 * A hold taken in the last moment of its lease must be on record before the lease's money returns: 20 % of the TTL and the grace are
 * 11 s, two sends of the record take 6 s of them.
 */
const placementWaitMsMax = 5_000;

/** Environment of the gateway, beside what every service understands. */
export const gatewayConfig = z.object({
  /** Keys the hashes of API keys; the same text as governance's. */
  KEY_PEPPER: z.string().min(16),
  /** Names this process on the bus and in records; a new one at each start unless given. */
  GATEWAY_ID: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and hyphens')
    .default(() => `gw-${randomBytes(6).toString('hex')}`),
  /** What the deployment calls itself in FOCUS files: `Provider`, and `ServiceName`. Who issues invoices is the seller of each. */
  PROVIDER_NAME: z.string().trim().min(1).max(120).default('Mizan'),
  /** How the RECORDS stream is kept; records name it. A gateway does not start on a stream that is kept less well. */
  RECORD_DURABILITY: z.enum(['one-replica', 'three-replicas']).default('one-replica'),
  /** How long a job may wait for a machine to become free before it is refused with 429. */
  PLACEMENT_WAIT_MS: z.coerce.number().int().min(0).max(placementWaitMsMax).default(placementWaitMsMax),
  /** From a connection, or the end of the request before on it, to the end of a request's headers. */
  HEADERS_TIMEOUT_MS: z.coerce.number().int().min(100).max(60_000).default(15_000),
  /** The same to the end of its body: 4 MiB at 110 kbit/s. */
  REQUEST_TIMEOUT_MS: z.coerce.number().int().min(100).max(3_600_000).default(300_000),
  /** How long one machine may take to the first event of a stream before the next is asked. */
  FIRST_EVENT_MS: z.coerce.number().int().min(100).max(limits.streamDeadlineMs).default(60_000),
  /** Silence on a stream after which a comment goes out. Proxies give up after 30 s at the earliest. */
  STREAM_COMMENT_MS: z.coerce.number().int().min(10).max(15_000).default(15_000),
  /** From admission to the latest possible completion of a stream. */
  STREAM_DEADLINE_MS: z.coerce.number().int().min(1_000).max(limits.streamDeadlineMs).default(limits.streamDeadlineMs),
  /** From admission to the latest possible completion of any other request. */
  REQUEST_DEADLINE_MS: z.coerce.number().int().min(1_000).max(limits.requestDeadlineMs).default(limits.requestDeadlineMs),
  /** Addresses and blocks of addresses, with commas between, of the proxies before this gateway: what they say of a client's address, host and scheme is believed. */
  TRUSTED_PROXIES: z
    .string()
    .default('')
    .transform((text) => text.split(',').map((part) => part.trim()).filter((part) => part !== ''))
    .pipe(z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], 'an address, or a block such as 10.1.0.0/16'))),
  /** Hosts and blocks of addresses (`images.internal,10.1.0.0/16`) that URLs of users may lead to though they are not public. */
  OUTBOUND_ALLOW: allowListText,
  /** The same for public URLs of nodes. A list of its own: what nodes may stand on is not for users to fetch from. */
  NODE_OUTBOUND_ALLOW: allowListText,
  /** Whether an organisation without a deposit in the escrow is refused; with one, work above it always is. */
  DEPOSIT_REQUIRED: z.stringbool().default(false),
  /** API key of the operator's own project, under which requests run that callers without an account pay for; none are sold when left out. Never logged. */
  X402_KEY: z.string().regex(/^mzn_[A-Za-z0-9]{20,120}$/, 'an API key').optional(),
  /** The same in a file, which is read again and again: it may be put there, replaced or taken away while this runs. */
  X402_KEY_FILE: z.string().min(1).optional(),
  /** What is added to the price of a request that is sold so. */
  X402_MARKUP_PERCENT: z.coerce.number().int().min(0).max(1_000).default(0),
  /** Lines of batches that this gateway runs at once; 0: none. */
  BATCH_LINES_MAX: z.coerce.number().int().min(0).max(64).default(4),
  /** Responses in the background that this gateway runs at once; 0: none. */
  BACKGROUND_RESPONSES_MAX: z.coerce.number().int().min(0).max(64).default(16),
});
export type GatewayConfig = z.output<typeof gatewayConfig>;
