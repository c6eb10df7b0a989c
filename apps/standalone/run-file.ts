import type { Home } from '#local';
import type { Bank } from './bank/bank.js';
import type { Contracts } from './infrastructure/contracts.js';
import type { Infrastructure } from './infrastructure/infrastructure.js';
import type { Wallets } from './infrastructure/wallets.js';
import type { ProviderNode } from './processes/provider-nodes.js';
import type { Services } from './processes/services.js';

/** Every address and secret of the running stack, for scripts and tests: `.mizan/run.json`, mode 0600. */
export interface RunFile {
  /** Base URL of the API, without `/v1`. */
  api: string;
  /** Administers the deployment. */
  adminKey: string;
  /** A developer's key of the bank's project: runs inference. */
  key: string;
  orgAdminKey: string;
  tenant: string;
  project: string;
  /** Superuser's. */
  databaseUrl: string;
  /** Reads every schema, writes nothing: what `mizan verify` uses. */
  verifyDatabaseUrl: string;
  natsUrl: string;
  /** Paths of credential files by service, and of `provision`, `verify` and `system`. */
  natsCreds: Record<string, string>;
  rpcUrl: string;
  chainId: number;
  contracts: { token: string; escrow: string };
  payer: string;
  nodes: { id: string; name: string; region: string; payoutAddress: string; process: string; directory: string }[];
  services: Record<string, string>;
  /** Process ids by name; the file is written anew when one changes. */
  pids: Record<string, number>;
}

/** Writes the run file; called again whenever a process was started anew. */
export function writeRunFile(
  home: Home,
  parts: { infrastructure: Infrastructure; contracts: Contracts; wallets: Wallets; services: Services; bank: Bank; nodes: ProviderNode[]; pids: Record<string, number> },
): RunFile {
  const { infrastructure, contracts, services, bank, nodes } = parts;
  const run: RunFile = {
    api: services.api,
    adminKey: services.adminKey,
    key: bank.key,
    orgAdminKey: bank.orgAdminKey,
    tenant: bank.tenant,
    project: bank.project,
    databaseUrl: infrastructure.database.adminUrl,
    verifyDatabaseUrl: infrastructure.database.verifyUrl,
    natsUrl: infrastructure.nats.url,
    natsCreds: infrastructure.nats.credentialFiles,
    rpcUrl: infrastructure.chain.rpcUrl,
    chainId: Number(contracts.chainId),
    contracts: { token: contracts.token, escrow: contracts.escrow },
    payer: parts.wallets.payer.address,
    nodes: nodes.map(({ id, name, region, payoutAddress, process, directory }) => ({ id, name, region, payoutAddress, process, directory })),
    services: services.urls,
    pids: parts.pids,
  };
  home.writeJson(run, 'run.json');
  return run;
}
