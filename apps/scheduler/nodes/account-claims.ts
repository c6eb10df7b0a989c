import jwt from '@nats-io/jwt';
import type { Account } from '@nats-io/jwt';
import type { RevokedKey } from './nodes.store.js';

/** User key → Unix seconds: a JWT of that user issued up to then is refused. */
export type Revocations = Readonly<Record<string, number>>;

export function revocationsOf(keys: readonly RevokedKey[]): Revocations {
  return Object.fromEntries(keys.map(({ natsPublicKey, revokedAtMs }) => [natsPublicKey, Math.ceil(revokedAtMs / 1000)]));
}

/** Those of `wanted` that an account's JWT does not hold yet. */
export function missingRevocations(accountJwt: string, wanted: Revocations): Revocations {
  const held = jwt.decode<Account>(accountJwt).nats.revocations ?? {};
  return Object.fromEntries(Object.entries(wanted).filter(([key, seconds]) => (held[key] ?? 0) < seconds));
}

/** The account's JWT with more revocations and everything else (limits, signing keys) as it was, signed by the operator. */
export function withRevocations(accountJwt: string, more: Revocations, operatorSeed: string): Promise<string> {
  const { name, sub, nats } = jwt.decode<Account>(accountJwt);
  const account = { ...nats, revocations: { ...nats.revocations, ...more } };
  return jwt.encodeAccount(name, sub, account, { algorithm: jwt.Algorithms.v2, signer: new TextEncoder().encode(operatorSeed) });
}
