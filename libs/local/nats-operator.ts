import jwt from '@nats-io/jwt';
import type { Algorithms } from '@nats-io/jwt';
import { keysOf, newSeed } from './nats-keys.js';

/** Everything that a NATS deployment in operator mode trusts. Seeds are secrets; JWTs are not. */
export interface NatsOperator {
  operatorJwt: string;
  systemAccount: string;
  systemAccountJwt: string;
  /** The account of the deployment: its public key, and its JWT as first issued. */
  account: string;
  accountJwt: string;
  seeds: {
    operator: string;
    systemAccount: string;
    account: string;
    /** Signs users (services and nodes), so that the account's own seed can stay away. */
    accountSigning: string;
  };
}

export interface UserPermissions {
  publish: readonly string[];
  subscribe: readonly string[];
  /** May answer a request it received, on the reply subject of that request. */
  responses: boolean;
}

const v2: { algorithm: Algorithms } = { algorithm: jwt.Algorithms.v2 };
const unlimited = { subs: -1, data: -1, payload: -1 };
const accountLimits = { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
/** One answer per request, for as long as the longest request of the protocol lives. */
const answers = { max: 1, ttl: 120_000_000_000 };

/** New keys and JWTs: an operator, the system account, and the account `MIZAN` with JetStream and a signing key. */
export async function createNatsOperator(): Promise<NatsOperator> {
  const seeds = { operator: newSeed('operator'), systemAccount: newSeed('account'), account: newSeed('account'), accountSigning: newSeed('account') };
  const [operator, system, account, signing] = [keysOf(seeds.operator), keysOf(seeds.systemAccount), keysOf(seeds.account), keysOf(seeds.accountSigning)];
  return {
    operatorJwt: await jwt.encodeOperator('mizan', operator, { system_account: system.getPublicKey() }, v2),
    systemAccount: system.getPublicKey(),
    // Without explicit limits, connections of the system account hang.
    systemAccountJwt: await jwt.encodeAccount('SYS', system, { limits: accountLimits }, { ...v2, signer: operator }),
    account: account.getPublicKey(),
    accountJwt: await jwt.encodeAccount(
      'MIZAN',
      account,
      { limits: { ...accountLimits, mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 }, signing_keys: [signing.getPublicKey()] },
      { ...v2, signer: operator },
    ),
    seeds,
  };
}

/** The seed of a new user. */
export const newUserSeed = (): string => newSeed('user');

/** Credentials (JWT and seed, the text of a `.creds` file) of a user of the deployment's account with exact allow lists. */
export async function userCredentials(operator: NatsOperator, name: string, permissions: UserPermissions, seed: string = newUserSeed()): Promise<string> {
  const user = keysOf(seed);
  const claims = {
    issuer_account: operator.account,
    ...unlimited,
    pub: { allow: [...permissions.publish] },
    sub: { allow: [...permissions.subscribe] },
    ...(permissions.responses ? { resp: answers } : {}),
  };
  const token = await jwt.encodeUser(name, user, keysOf(operator.seeds.accountSigning), claims, v2);
  return new TextDecoder().decode(jwt.fmtCreds(token, user));
}

/** Credentials of a user of the system account that may push account claims (revocations) and nothing else. */
export async function systemCredentials(operator: NatsOperator, seed: string = newUserSeed()): Promise<string> {
  const user = keysOf(seed);
  const claims = { ...unlimited, pub: { allow: ['$SYS.REQ.CLAIMS.UPDATE', '$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP'] }, sub: { allow: ['_INBOX.>', '_INBOX_system.>'] } };
  const token = await jwt.encodeUser('system', user, keysOf(operator.seeds.systemAccount), claims, v2);
  return new TextDecoder().decode(jwt.fmtCreds(token, user));
}
