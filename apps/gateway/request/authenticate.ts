import { createHmac, timingSafeEqual } from 'node:crypto';
import { Clock } from '#kernel';
import { failure } from '#protocol';
import type { Principal } from '../access/principal.js';
import type { Replicated } from '../replicated.js';
import { KeyedHash } from './keyed-hash.js';

/** `mzn_` and at most 120 more: longer texts are not hashed at all. */
const bearerPattern = /^Bearer +(mzn_[A-Za-z0-9]{20,120})$/i;

/** Step 1: from an API key to a principal. Neither the key nor its hash leaves this file. */
export class Authenticator {
  private readonly hash: KeyedHash;

  constructor(
    private readonly replicated: Pick<Replicated, 'keys'>,
    pepper: string,
    private readonly clock: Clock,
  ) {
    this.hash = new KeyedHash(pepper);
  }

  /** Errors: API_KEY_MISSING, API_KEY_INVALID (unknown, revoked, expired or malformed: the caller is not told which). */
  authenticate(authorization: string | undefined): Principal {
    const key = keyOf(authorization);
    const hash = this.hash.of(key);
    const entry = this.replicated.keys.get(hash.toString('hex'));
    if (!entry || !timingSafeEqual(Buffer.from(entry.hash, 'hex'), hash)) throw invalidKey();
    if (entry.expiresAtMs !== null && entry.expiresAtMs <= this.clock.nowMs()) throw invalidKey();
    return { keyId: entry.keyId, tenant: entry.tenant, project: entry.project, role: entry.role };
  }

  /** What only a holder of the key can derive, the same however the header is written; of the key itself it tells nothing. Errors: as above. */
  secretFor(purpose: string, authorization: string | undefined): string {
    return createHmac('sha256', keyOf(authorization)).update(purpose).digest('base64url');
  }
}

/** Errors: API_KEY_MISSING, API_KEY_INVALID. */
function keyOf(authorization: string | undefined): string {
  if (!authorization) throw failure('API_KEY_MISSING', 'send an API key: "Authorization: Bearer mzn_..."');
  const key = bearerPattern.exec(authorization)?.[1];
  if (!key) throw invalidKey();
  return key;
}

const invalidKey = () => failure('API_KEY_INVALID', 'the API key is not valid');
