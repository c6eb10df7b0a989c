import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { allWeather, clear, lies, lostPool, reorganisation, restart } from './bad-weather.js';
import type { Weather } from './bad-weather.js';
import { audited, paidOut } from './payout-audit.js';
import { PayoutStack } from './payout-stack.js';
import { message, nameOf, row, rpc, stepsOfAPayout, subjects } from './steps.js';
import type { Step } from './steps.js';

/** `npm run soak:settlement-service` kills 100 times and more. */
const kills = Number(process.env['MIZAN_SETTLEMENT_KILLS'] ?? 0);
const isSoak = kills > 0;
/** Where in the long list to begin, to see one place again. */
const first = Number(process.env['MIZAN_SETTLEMENT_FIRST'] ?? 0);
const workEveryMs = 100;

interface Scene {
  readonly dies: Step;
  readonly weather: Weather;
}

/** The moments that tell most: sent and not heard, mined and taken back, told and not booked, read and not kept. Every other one is in the long list. */
const short: readonly Scene[] = [
  { dies: rpc('eth_sendRawTransaction', 'after'), weather: lostPool },
  { dies: row('settle mined'), weather: reorganisation(5) },
  { dies: message(subjects.settled, 'billing'), weather: restart },
  { dies: rpc('eth_getLogs', 'after'), weather: lies[2]! },
];

/** Each step in turn, in another weather each time around. */
const long = (): Scene[] => Array.from({ length: kills }, (_, n) => n + first).map((at) => ({ dies: stepsOfAPayout[at % stepsOfAPayout.length]!, weather: allWeather[at % allWeather.length]! }));
const scenes = isSoak ? long() : short;
const patienceMs = scenes.length * 30_000 + 300_000;

let stack: PayoutStack;

/** Work goes on until it is stopped, for the newest machines and now and then an old one, in amounts that leave fractions of a unit. */
class Work {
  private stopped = false;
  private readonly running = this.go();

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private async go(): Promise<void> {
    for (let at = 0; !this.stopped; at += 1) {
      const { customers, nodes } = stack;
      const node = at % 4 === 0 ? nodes[at % nodes.length]! : nodes.at(-1 - (at % Math.min(3, nodes.length)))!;
      await stack.work(customers[at % customers.length]!, node, 1_234 + (at * 777) % 5_000);
      await sleep(workEveryMs);
    }
  }
}

beforeAll(async () => {
  Logger.overrideLogger(false);
  stack = await PayoutStack.start({ tickMs: isSoak ? 100 : 40 });
});

afterAll(() => stack?.stop());

describe('a payout during which processes are killed and the chain misbehaves', () => {
  it(`is made exactly once, after ${scenes.length} deaths`, async () => {
    const { chain, endpoints, customers } = stack;
    for (const { payer } of customers) await chain.deposit(payer, 1_000_000n);
    for (let count = 0; count < 2; count += 1) await stack.enrol();
    const work = new Work();
    for (const [at, { dies, weather }] of scenes.entries()) {
      // Somebody new to pay, money that comes and money that goes, so that no step is skipped.
      await stack.enrol();
      if (at % 3 === 1) await chain.deposit(customers[at % customers.length]!.payer, 777n);
      if (at % 3 === 2) await chain.push(customers.map(({ payer }) => payer.address), [0, 1]);
      await weather.begin(endpoints, chain);
      const over = weather.lastsMs === undefined ? undefined : setTimeout(() => clear(endpoints), weather.lastsMs);
      await stack.killedAt(dies).finally(() => clearTimeout(over));
      await weather.strike?.(chain);
      await stack.revive(dies.victim);
      clear(endpoints);
      if (isSoak) process.stderr.write(`${at + 1} ${nameOf(dies)}, ${weather.name}\n`);
    }
    await work.stop();
    await paidOut(stack);
    const figures = await audited(stack);
    expect(figures.statements).toBeGreaterThan(scenes.length / 4);
    if (isSoak) process.stderr.write(`${kills} deaths: ${JSON.stringify({ ...figures, units: figures.units.toString(), records: stack.records.length })}\n`);
  }, patienceMs);
});
