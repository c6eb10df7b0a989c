import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { LogRecord } from '#protocol';
import { eventually } from '../e2e/eventually.js';
import { BooksStack, deaths } from './books-stack.js';

/** `npm run soak:billing` kills 200 times; here each death comes once. */
const kills = Number(process.env['MIZAN_BILLING_KILLS'] ?? deaths.length);
const isSoak = kills > deaths.length;
const everyMs = 25;
const requestsPerMessage = 4;
/** A machine that many share may take half a minute to start a process. */
const patienceMs = kills * 30_000 + 240_000;

let stack: BooksStack;
/** What each request costs, by its record; and every message in the order of the stream. */
const promised = new Map<string, bigint>();
const day: LogRecord[][] = [];

/** Requests until it is stopped: both facts together, or the end before the beginning, or all of it twice. */
class Work {
  private stopped = false;
  private readonly running = this.go();

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private async go(): Promise<void> {
    for (let at = 0; !this.stopped; at += 1) {
      const requests = Array.from({ length: requestsPerMessage }, (_, n) => {
        const nanos = ((at * requestsPerMessage + n) * 7_919) % 50_000;
        const { record, records } = stack.request(at + n, nanos);
        promised.set(record, BigInt(nanos));
        return records;
      });
      const messages = at % 3 === 0 ? [requests.map(([, end]) => end), requests.map(([begin]) => begin)] : [requests.flat()];
      for (const message of messages) {
        day.push(message);
        await stack.publish(message);
        if (at % 4 === 0) await stack.publish(message);
      }
      await sleep(everyMs);
    }
  }
}

beforeAll(async () => {
  Logger.overrideLogger(false);
  stack = await BooksStack.start();
});

afterAll(() => stack?.stop());

describe('billing and its database, killed in the middle of batches', () => {
  it(`have booked each request exactly once after ${kills} deaths, and after the whole day was said again`, async () => {
    const work = new Work();
    const booked = (more: number) => eventually('charges to be booked', async (saw) => {
      const charges = await stack.count('billing.charges').catch(() => -1);
      saw(charges);
      return charges > more ? charges : undefined;
    });
    let charges = await booked(10);
    for (let kill = 0; kill < kills; kill += 1) {
      await stack.die(deaths[kill % deaths.length]!);
      charges = await booked(charges);
      if (isSoak && kill % 10 === 9) process.stderr.write(`${kill + 1} deaths, ${charges} charges\n`);
    }
    await work.stop();
    await stack.caughtUp();
    await sameAsPromised();
    for (const message of day) await stack.publish(message);
    await stack.caughtUp();
    await sameAsPromised();
    if (isSoak) process.stderr.write(`${kills} deaths: ${promised.size} requests, each charged once, twice over\n`);
  }, patienceMs);
});

async function sameAsPromised(): Promise<void> {
  const found = await stack.sql<{ record: string; nanos: string }>('SELECT record, amount_nanos AS nanos FROM billing.charges');
  expect(new Map(found.map(({ record, nanos }) => [record, BigInt(nanos)]))).toEqual(promised);
  const total = [...promised.values()].reduce((sum, nanos) => sum + nanos, 0n);
  const kinds = await stack.sql<{ kind: string; nanos: string }>(`SELECT kind, sum(balance) AS nanos FROM billing.accounts WHERE kind IN ('receivable', 'payable', 'unassigned', 'budget.spent') GROUP BY kind`);
  const of = (kind: string): bigint => BigInt(kinds.find((row) => row.kind === kind)?.nanos ?? 0);
  expect({ owed: of('receivable'), spent: of('budget.spent'), earned: -of('payable') - of('unassigned') }).toEqual({ owed: total, spent: total, earned: total });
  // A soak outlasts its leases: what comes after them is booked all the same.
  expect(await stack.sql(`SELECT kind, count(*)::int AS n FROM billing.anomalies WHERE kind <> 'late_lease_usage' GROUP BY kind`)).toEqual([]);
  expect(await stack.faults()).toEqual([]);
}
