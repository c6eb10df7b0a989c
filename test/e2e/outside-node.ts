import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { baseEnvironment } from '#local';
import type { Running } from '#local';
import { launchKept } from '#testing';
import { eventually } from './eventually.js';
import type { StandaloneStack } from './standalone-stack.js';

const main = join(import.meta.dirname, '../../dist/apps/node/main.js');

/** A provider that joins the stack from outside, as anybody would: `mizan-node run`. */
export class OutsideNode {
  private constructor(
    readonly model: string,
    private readonly start: () => Promise<Running>,
    private running: Running,
  ) {}

  /** Resolves when `model` is on the market. `price`: US dollars per million tokens, in and out. `more`: the options that say what it offers. */
  static async join(stack: StandaloneStack, name: string, price: { input: string; output: string }, model: string, more: readonly string[]): Promise<OutsideNode> {
    const directory = OutsideNode.directory(stack, name);
    const admin = stack.rest(stack.run.adminKey);
    const facts = { region: 'eu-frankfurt', country: 'DE', jurisdiction: 'EU' };
    const { token } = await admin.post<{ token: string }>('/v1/enrolment-tokens', { name, facts, validMs: 3_600_000 });
    const args = ['run', '--hub', stack.run.api, '--dir', directory, '--name', name, '--region', facts.region, '--country', facts.country, '--jurisdiction', facts.jurisdiction];
    args.push('--price-input', price.input, '--price-output', price.output, ...more);
    const start = (): Promise<Running> =>
      launchKept(stack.path('log'))({ name, command: process.execPath, args: ['--no-warnings', main, ...args], cwd: directory, env: { ...baseEnvironment(), MIZAN_NODE_TOKEN: token } });
    const node = new OutsideNode(model, start, await start());
    await node.market(stack, 200);
    return node;
  }

  /** Where it keeps its keys. */
  static directory(stack: StandaloneStack, name: string): string {
    const directory = stack.path('nodes', name);
    mkdirSync(directory, { recursive: true });
    return directory;
  }

  /** `kill -9`. */
  kill(): Promise<void> {
    return this.running.kill();
  }

  /** Once the market has seen that it was gone. */
  async startAgain(stack: StandaloneStack): Promise<void> {
    await this.market(stack, 404);
    this.running = await this.start();
    await this.market(stack, 200);
  }

  stop(): Promise<void> {
    return this.running.stop();
  }

  private async market(stack: StandaloneStack, wanted: 200 | 404): Promise<void> {
    await eventually(`${wanted} for the model ${this.model}`, async (saw) => {
      const { status, json } = await stack.rest().send('GET', `/v1/models/${this.model}`);
      saw({ json, exit: this.running.exit() });
      return status === wanted ? true : undefined;
    });
  }
}
