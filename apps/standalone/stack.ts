import { Home, openHome, Ports, release, Secrets, takeOver } from '#local';
import type { LocalChain } from '#local';
import { AdminApi } from './admin-api.js';
import { ensureBank } from './bank/bank.js';
import type { Bank } from './bank/bank.js';
import { ensureOperator } from './bank/operator.js';
import { deployContracts } from './infrastructure/contracts.js';
import { infrastructureNames, startInfrastructure } from './infrastructure/infrastructure.js';
import { migrateServices } from './infrastructure/migrate-services.js';
import { wallets } from './infrastructure/wallets.js';
import type { Wallets } from './infrastructure/wallets.js';
import type { Narrator } from './narrator.js';
import { startNodes } from './processes/provider-nodes.js';
import type { ProviderNode } from './processes/provider-nodes.js';
import { serviceNames, startServices, takeApiPort } from './processes/services.js';
import { Supervisor } from './processes/supervisor.js';
import { writeRunFile } from './run-file.js';
import type { RunFile } from './run-file.js';

/** A stack that is up. */
export interface Up {
  run: RunFile;
  bank: Bank;
  nodes: ProviderNode[];
  adminApi: AdminApi;
  chain: LocalChain;
  wallets: Wallets;
}

/** The stand-alone deployment: everything on this machine, in order, kept alive, and stopped again. */
export class Stack {
  readonly supervisor: Supervisor;
  private stopped: Promise<void> | undefined;
  private rewriteRunFile: () => void = () => {};

  constructor(
    private readonly home: Home,
    private readonly programs: Home,
    private readonly narrator: Narrator,
  ) {
    this.supervisor = new Supervisor((line) => narrator.say(line), () => this.rewriteRunFile());
  }

  /** Brings everything up. Errors: `LocalError`; call `stop` then, too. */
  async start(): Promise<Up> {
    const { home, programs, narrator, supervisor } = this;
    openHome(home.root);
    const left = await takeOver(home);
    if (left.length > 0) narrator.say(`ended what an earlier run left behind: ${left.join(', ')}`);
    const secrets = new Secrets(home);
    const ports = new Ports(home, (line) => narrator.say(`  ${line}`));
    // Before anything else is given a port: it might be this one.
    const apiPort = await takeApiPort(ports);
    const own = wallets(secrets);
    const shared = { home, programs, secrets, ports, narrator, supervisor };

    const infrastructure = await startInfrastructure(shared);
    const [, contracts] = await Promise.all([
      narrator.step('migrations', () => migrateServices(infrastructure.database), (count) => (count === 0 ? 'nothing new' : `${count} run`)),
      narrator.step('contracts', () => deployContracts(home, infrastructure.chain, own), ({ escrow }) => `escrow ${escrow}`),
    ]);
    const services = await startServices({ ...shared, apiPort, infrastructure, contracts, wallets: own });
    const adminApi = new AdminApi(services.api, services.adminKey);
    await adminApi.whenKnown();
    const bank = await narrator.step('organisation', () => ensureBank(home, adminApi, own.payer.address), ({ name, tenant }) => `${name}, ${tenant}`);
    await narrator.step('operator', () => ensureOperator(home, adminApi, own.operator.address), () => 'sells single requests by x402');
    const nodes = await startNodes({ home, ports, hub: services.api, natsUrl: infrastructure.nats.url, api: adminApi, chain: infrastructure.chain, narrator, supervisor });
    const write = (): RunFile => writeRunFile(home, { infrastructure, contracts, wallets: own, services, bank, nodes, pids: supervisor.pids() });
    this.rewriteRunFile = () => void write();
    return { run: write(), bank, nodes, adminApi, chain: infrastructure.chain, wallets: own };
  }

  /** Stops all that was started and nothing else: nodes, then services, then the infrastructure. Idempotent. */
  stop(): Promise<void> {
    this.stopped ??= this.end();
    return this.stopped;
  }

  /** Ends all at once. */
  async kill(): Promise<void> {
    await this.supervisor.kill();
    await release(this.home);
  }

  private async end(): Promise<void> {
    const services: readonly string[] = serviceNames;
    const nodes = this.supervisor.names().filter((name) => !services.includes(name) && !infrastructureNames.includes(name));
    await this.supervisor.stop([nodes, ['gateway'], services.filter((name) => name !== 'gateway')]);
    // What was still starting is only written down.
    await release(this.home);
  }
}
