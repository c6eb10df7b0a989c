import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatNanos } from '#kernel';
import { answersOk, LocalError, obituary, whenReady, writePrivate } from '#local';
import type { Home, LocalChain, Ports, Running } from '#local';
import { AdminApi } from '../admin-api.js';
import { fundGas } from '../infrastructure/wallets.js';
import type { Narrator } from '../narrator.js';
import { startApp } from './start-app.js';
import type { Supervisor } from './supervisor.js';

/** A provider of the sample: regions and prices are labels, the machine is this computer. */
export interface ProviderPlan {
  name: string;
  region: string;
  country: string;
  jurisdiction: string;
  /** Nano-dollars per million input tokens: 20,000,000 = 2 US cents, the price of a small embedding model on the market. */
  inputNanosPerMillion: bigint;
}

export const providerPlans: readonly ProviderPlan[] = [
  { name: 'Frankfurt', region: 'eu-frankfurt', country: 'DE', jurisdiction: 'EU', inputNanosPerMillion: 24_000_000n },
  { name: 'Dublin', region: 'eu-dublin', country: 'IE', jurisdiction: 'EU', inputNanosPerMillion: 22_000_000n },
  { name: 'Virginia', region: 'us-virginia', country: 'US', jurisdiction: 'US', inputNanosPerMillion: 18_000_000n },
  { name: 'Riyadh', region: 'sa-riyadh', country: 'SA', jurisdiction: 'SA', inputNanosPerMillion: 16_000_000n },
];

export interface ProviderNode extends ProviderPlan {
  /** As the supervisor knows it. */
  process: string;
  /** The node's own directory: keys, wallet, receipts. */
  directory: string;
  id: string;
  payoutAddress: string;
}

interface ListedNode {
  id: string;
  name: string;
  payoutAddress: string;
  state: string;
  online: boolean;
}

/** Jobs at once per node: one computes, one waits its turn. */
const capacity = 2;
const onlineMs = 90_000;
/** Between two looks at one that loads: all four are looked at, on the cores that they load on. */
const probeMs = 200;

/** Starts the four nodes as processes of their own, enrolled through the hub with their facts under contract, and waits until all are on the market. */
export async function startNodes(parts: { home: Home; ports: Ports; hub: string; natsUrl: string; api: AdminApi; chain: LocalChain; narrator: Narrator; supervisor: Supervisor }): Promise<ProviderNode[]> {
  const { home, ports, hub, natsUrl, api, chain, narrator, supervisor } = parts;
  const listed = async (): Promise<ListedNode[]> => (await api.get<{ data: ListedNode[] }>('/v1/nodes?limit=200')).data;
  const healthPorts = new Map<string, number>();
  for (const { region } of providerPlans) healthPorts.set(region, await ports.take(`node-${region}`));
  return Promise.all(
    providerPlans.map((plan) =>
      narrator.step(
        plan.name,
        async () => {
          const directory = home.directory('nodes', plan.region);
          const process = `node-${plan.region}`;
          const token = isEnrolled(directory, natsUrl) ? undefined : await enrolmentToken(api, plan);
          const running = await supervisor.keep(process, async () => {
            const healthPort = healthPorts.get(plan.region)!;
            const started = await startNode({ home, hub, process, directory, plan, token, healthPort });
            await whenReady(started, answersOk(`http://127.0.0.1:${healthPort}/readyz`), onlineMs, probeMs);
            return started;
          });
          const node = await appears(listed, plan.name, running);
          await fundGas(chain, node.payoutAddress);
          return { ...plan, process, directory, id: node.id, payoutAddress: node.payoutAddress };
        },
        ({ id }) => `${plan.region}, ${formatNanos(plan.inputNanosPerMillion)} USD per million tokens, node ${id}`,
      ),
    ),
  );
}

async function enrolmentToken(api: AdminApi, plan: ProviderPlan): Promise<string> {
  const facts = { region: plan.region, country: plan.country, jurisdiction: plan.jurisdiction };
  return (await api.post<{ token: string }>('/v1/enrolment-tokens', { name: plan.name, facts, validMs: 3_600_000 })).token;
}

/** Whether the node has an enrolment of its own; the address in it follows the stack's. */
function isEnrolled(directory: string, natsUrl: string): boolean {
  const path = join(directory, 'enrolment.json');
  if (!existsSync(path)) return false;
  const enrolment = JSON.parse(readFileSync(path, 'utf8')) as { natsUrl: string };
  if (enrolment.natsUrl !== natsUrl) writePrivate(path, JSON.stringify({ ...enrolment, natsUrl }));
  return true;
}

function startNode(parts: { home: Home; hub: string; process: string; directory: string; plan: ProviderPlan; token: string | undefined; healthPort: number }): Promise<Running> {
  const { home, hub, process, directory, plan, token, healthPort } = parts;
  const args = ['run', '--hub', hub, '--dir', directory, '--name', plan.name, '--region', plan.region, '--country', plan.country, '--jurisdiction', plan.jurisdiction];
  args.push('--price-input', formatNanos(plan.inputNanosPerMillion), '--price-output', '0', '--capacity', String(capacity), '--health-port', String(healthPort));
  return startApp(home, 'node', process, token === undefined ? {} : { MIZAN_NODE_TOKEN: token }, args);
}

async function appears(listed: () => Promise<ListedNode[]>, name: string, running: Running): Promise<ListedNode> {
  const until = performance.now() + onlineMs;
  for (;;) {
    const node = (await listed()).find((candidate) => candidate.name === name && candidate.state === 'enrolled' && candidate.online);
    if (node !== undefined) return node;
    if (performance.now() > until) throw new LocalError(`node ${name} did not come online within ${onlineMs / 1000} s. ${obituary(running)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
