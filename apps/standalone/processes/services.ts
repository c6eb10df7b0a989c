import { generateApiKey } from '../../governance/keys/api-key.js';
import { answersOk, whenReady } from '#local';
import type { Home, Ports, Running, Secrets } from '#local';
import type { ServiceName } from '#protocol';
import { salesKeyFile } from '../bank/operator.js';
import type { Contracts } from '../infrastructure/contracts.js';
import type { Infrastructure } from '../infrastructure/infrastructure.js';
import type { Wallets } from '../infrastructure/wallets.js';
import type { Narrator } from '../narrator.js';
import { startApp } from './start-app.js';
import type { Supervisor } from './supervisor.js';

/** The port of the API unless it is taken or `MIZAN_PORT` names another. */
const usualApiPort = 7080;
/** A service loads in two seconds on an idle core; six start at once on two. */
const readyMs = 60_000;
/** Between two looks at one that loads: all five are looked at, on the cores that they load on. */
const probeMs = 200;

export const serviceNames: readonly ServiceName[] = ['governance', 'billing', 'scheduler', 'settlement', 'gateway'];

export interface Services {
  /** Base URL of the public API. */
  api: string;
  adminKey: string;
  /** Base URL of every service's health and metrics. */
  urls: Record<ServiceName, string>;
}

/** Error: `LocalError` when `MIZAN_PORT` is none or is in use. */
export async function takeApiPort(ports: Ports): Promise<number> {
  const wanted = process.env['MIZAN_PORT'];
  return wanted ? ports.demand('gateway', 'MIZAN_PORT', wanted) : ports.take('gateway', usualApiPort);
}

/** Starts the five services and waits until each says it is ready. Errors: `LocalError` with the end of a log. */
export async function startServices(parts: {
  home: Home;
  secrets: Secrets;
  ports: Ports;
  apiPort: number;
  narrator: Narrator;
  supervisor: Supervisor;
  infrastructure: Infrastructure;
  contracts: Contracts;
  wallets: Wallets;
}): Promise<Services> {
  const { home, secrets, ports, narrator, supervisor } = parts;
  const adminKey = secrets.get('admin-key', generateApiKey);
  const own = environments({ ...parts, adminKey });
  const api = `http://127.0.0.1:${parts.apiPort}`;
  const urls = {} as Record<ServiceName, string>;
  for (const name of serviceNames) {
    urls[name] = `http://127.0.0.1:${await ports.take(name === 'gateway' ? 'gateway-operations' : name)}`;
  }
  await Promise.all(
    serviceNames.map((name) =>
      narrator.step(
        name,
        () =>
          supervisor.keep(name, async (): Promise<Running> => {
            const running = await startApp(home, name, name, { ...common(parts.infrastructure, name, name === 'gateway' ? api : urls[name], urls[name]), ...own[name] });
            await whenReady(running, answersOk(`${urls[name]}/readyz`), readyMs, probeMs);
            return running;
          }),
        () => (name === 'gateway' ? api : urls[name]),
      ),
    ),
  );
  return { api, adminKey, urls };
}

/** The chain is this machine's own and its money a test's: there is nobody to look up. */
const localWaiver = 'the stand-alone stack: a chain of this machine alone, with test money';

function common({ database, nats }: Infrastructure, name: ServiceName, url: string, operationsUrl: string): Record<string, string> {
  return {
    NATS_URL: nats.url,
    NATS_CREDS: nats.credentialFiles[name],
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: new URL(url).port,
    ...(operationsUrl === url ? {} : { OPERATIONS_PORT: new URL(operationsUrl).port }),
    ...(name === 'gateway' ? {} : { DATABASE_URL: database.serviceUrl(name) }),
  };
}

/** What each service alone is told. */
function environments(parts: { home: Home; secrets: Secrets; infrastructure: Infrastructure; contracts: Contracts; wallets: Wallets; adminKey: string }): Record<ServiceName, Record<string, string>> {
  const { home, secrets, infrastructure, contracts, wallets, adminKey } = parts;
  const { nats, chain } = infrastructure;
  const pepper = secrets.get('key-pepper');
  return {
    gateway: { KEY_PEPPER: pepper, RECORD_DURABILITY: 'one-replica', X402_KEY_FILE: salesKeyFile(home) },
    governance: {
      KEY_PEPPER: pepper,
      GOVERNANCE_MASTER_KEY: secrets.get('governance-master-key'),
      AUDIT_SIGNING_SEED: secrets.get('audit-signing-seed'),
      BOOTSTRAP_ADMIN_KEY: adminKey,
    },
    billing: {},
    scheduler: {
      PUBLIC_NATS_URL: nats.url,
      SCHEDULER_ACCOUNT_PUBLIC_KEY: nats.operator.account,
      SCHEDULER_ACCOUNT_SIGNING_SEED: nats.operator.seeds.accountSigning,
      SCHEDULER_OPERATOR_SEED: nats.operator.seeds.operator,
      SCHEDULER_SYSTEM_CREDS: nats.credentialFiles.system,
      SCHEDULER_MASTER_KEY: secrets.get('scheduler-master-key'),
      OBJECTS_DIRECTORY: home.directory('objects'),
    },
    settlement: {
      SETTLEMENT_RPC_URL: chain.rpcUrl,
      SETTLEMENT_CHAIN_ID: contracts.chainId,
      SETTLEMENT_ESCROW: contracts.escrow,
      ...(contracts.bonds === undefined ? {} : { SETTLEMENT_BONDS: contracts.bonds }),
      SETTLEMENT_START_BLOCK: String(contracts.startBlock),
      SETTLEMENT_RELAYER_KEY: wallets.relayer.privateKey,
      SETTLEMENT_PAYER_KEYS: JSON.stringify(Object.fromEntries([wallets.payer, wallets.anchor, wallets.operator].map(({ address, privateKey }) => [address, privateKey]))),
      X402_PAY_TO: wallets.operator.address,
      SETTLEMENT_ANCHOR_PAYER: wallets.anchor.address,
      SETTLEMENT_SCREENING_WAIVER: localWaiver,
    },
  };
}
