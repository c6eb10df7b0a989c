import jwt from '@nats-io/jwt';
import { nodePermissions } from '#protocol';

/** One answer per request, for as long as the longest request of the protocol lives. */
const answers = { max: 1, ttl: 120_000_000_000 };

/** What one node may use of the server: subscriptions (it needs five), any amount of data, messages within the server's own limit. */
const nodeLimits = { subs: 32, data: -1, payload: -1 };

/** The NATS credential of a node, limited to its own subjects. Signed by the account's signing key; it ends by revocation. */
export function nodeJwt(parts: { node: string; natsPublicKey: string; account: string; signingSeed: string }): Promise<string> {
  const { publish, subscribe, responses } = nodePermissions(parts.node);
  const claims = { issuer_account: parts.account, ...nodeLimits, pub: { allow: publish }, sub: { allow: subscribe }, ...(responses ? { resp: answers } : {}) };
  return jwt.encodeUser(parts.node, parts.natsPublicKey, new TextEncoder().encode(parts.signingSeed), claims, { algorithm: jwt.Algorithms.v2 });
}
