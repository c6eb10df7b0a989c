import { databaseRoles, databaseServices, Home, issueCredentials, localOperator, loginRole, newUserSeed, Secrets, urlFor, verifyRole, writeNatsFiles, writePrivate } from '#local';
import { wallets } from '../infrastructure/wallets.js';

/** Where the parts of a deployment find each other. */
export interface DeploymentAddresses {
  /** `host:port/database` of PostgreSQL. */
  readonly database: string;
  /** Where services reach NATS, and where the machines of providers do. */
  readonly nats: string;
  readonly publicNats: string;
  /** Where gateways reach the scheduler's HTTP; `http://scheduler:8080` when left out. */
  readonly scheduler?: string;
  /** Directory under which the services find their credential files. */
  readonly credentials: string;
}

/**
 * Makes all secrets of a deployment under a directory, once: run again it writes the same ones. `env/<service>.env` holds
 * each service's own, `nats/` the server's configuration and the credential files. Everything is 0600.
 */
export async function issueDeploymentSecrets(directory: string, addresses: DeploymentAddresses): Promise<void> {
  const home = new Home(directory);
  home.directory();
  const secrets = new Secrets(home);
  const operator = await localOperator(home);
  const nats = await issueCredentials(operator, (name) => secrets.get(`nats:${name}`, newUserSeed));
  writeNatsFiles(home.directory('nats'), operator, nats, { host: '0.0.0.0', port: 4222 });

  const password = (role: string): string => secrets.get(`database:${role}`);
  const admin = `postgres://postgres:${secrets.get('postgres')}@${addresses.database}`;
  const as = (role: string): string => urlFor(admin, role, password(role));
  const { relayer, payer, anchor } = wallets(secrets);
  const pepper = secrets.get('key-pepper');
  const write = (name: string, values: Record<string, string>): void =>
    writePrivate(home.path('env', `${name}.env`), Object.entries(values).map(([key, value]) => `${key}=${value}\n`).join(''));

  writePrivate(home.path('postgres-password'), secrets.get('postgres'));
  write('migrations', { DATABASE_ADMIN_URL: admin, DATABASE_PASSWORDS: JSON.stringify(Object.fromEntries(databaseRoles.map((role) => [role, password(role)]))) });
  write('verify', { DATABASE_URL: as(verifyRole) });
  const own: Record<string, Record<string, string>> = {
    gateway: { KEY_PEPPER: pepper },
    governance: { KEY_PEPPER: pepper, GOVERNANCE_MASTER_KEY: secrets.get('governance-master-key'), AUDIT_SIGNING_SEED: secrets.get('audit-signing-seed') },
    scheduler: {
      PUBLIC_NATS_URL: addresses.publicNats,
      SCHEDULER_ACCOUNT_PUBLIC_KEY: operator.account,
      SCHEDULER_ACCOUNT_SIGNING_SEED: operator.seeds.accountSigning,
      SCHEDULER_OPERATOR_SEED: operator.seeds.operator,
      SCHEDULER_SYSTEM_CREDS: `${addresses.credentials}/system.creds`,
      SCHEDULER_MASTER_KEY: secrets.get('scheduler-master-key'),
      OBJECTS_DIRECTORY: '/var/lib/mizan/objects',
      INTERNAL_URL: addresses.scheduler ?? 'http://scheduler:8080',
    },
    settlement: {
      SETTLEMENT_RELAYER_KEY: relayer.privateKey,
      SETTLEMENT_PAYER_KEYS: JSON.stringify({ [payer.address]: payer.privateKey, [anchor.address]: anchor.privateKey }),
      SETTLEMENT_ANCHOR_PAYER: anchor.address,
    },
    billing: {},
  };
  for (const [name, values] of Object.entries(own)) {
    const database = databaseServices.find((service) => service === name);
    write(name, { NATS_URL: addresses.nats, NATS_CREDS: `${addresses.credentials}/${name}.creds`, ...(database && { DATABASE_URL: as(loginRole(database)) }), ...values });
  }
}
