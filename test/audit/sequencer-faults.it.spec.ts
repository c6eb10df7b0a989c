import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { leafHash, openCheckpoint, parseVerifierKey, RightEdge, sha256, toHex, unpackBundle, verifySignature } from '#merkle';
import { isDomainError } from '#kernel';
import { withClient } from '#local';
import type { Running } from '#local';
import { governanceCalls, type LogRecord } from '#protocol';
import { LogStack } from './log-stack.js';

/** `npm run soak:audit` kills 200 times and more. */
const kills = Number(process.env['MIZAN_AUDIT_KILLS'] ?? 3);
const isSoak = kills > 20;
/** As many as it takes for the oldest to be at work when it is killed: one that starts waits up to 5 s for what the one before had taken. */
const processes = isSoak ? 3 : 2;
const lifeMs = 2_500;
/** Of each so many kills one takes the database as well. */
const databaseEvery = isSoak ? 10 : 2;
const everyMs = 20;
const perMessage = 5;
/** A machine that many share may take half a minute to start a process. */
const stallMs = 120_000;
const soakMs = kills * 30_000 + 300_000;

let stack: LogStack;
/** Every record that JetStream has, by id and type. */
const published = new Map<string, LogRecord>();
/** What was said to whoever asked: the index of an entry, the root at a size. */
const promised = new Map<string, number>();
const roots = new Map<number, string>();
const broken: string[] = [];

const nameOf = ({ id, type }: { id: string; type: string }): string => `${id} ${type}`;

/** Publishes until it is stopped, some of it twice, and asks what became of it. */
class Load {
  private stopped = false;
  private readonly running = Promise.all([this.produce(), this.ask()]);

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private async produce(): Promise<void> {
    let at = 0;
    let open: string[] = [];
    for (; !this.stopped; at += 1) {
      const ending = open.splice(0, at % 2 === 0 ? 2 : 0);
      const records = Array.from({ length: perMessage }, (_, n) => stack.record(at, ending[n]));
      open = [...open, ...records.filter(({ type }) => type === 'admitted').map(({ id }) => id)].slice(-50);
      await stack.publish(records);
      // Under another message id: JetStream takes it for something new.
      if (at % 5 === 0) await stack.publish(records.slice(2));
      for (const record of records) published.set(nameOf(record), record);
      await sleep(everyMs);
    }
  }

  private async ask(): Promise<void> {
    while (!this.stopped) {
      await sleep(50);
      await this.answered(async () => {
        const { note, logKey } = await stack.caller.call(governanceCalls.checkpoint, {});
        const { size, root } = openCheckpoint(note, parseVerifierKey(sha256, logKey), verifySignature);
        remember(roots, size, toHex(root));
      });
      const known = [...published.values()];
      const { id } = known[Math.floor(Math.random() * known.length)] ?? {};
      if (id === undefined) continue;
      await this.answered(async () => {
        const { entries } = await stack.caller.call(governanceCalls.getRecord, { tenant: null, id });
        for (const entry of entries) remember(promised, nameOf(entry), entry.index);
      });
    }
  }

  private async answered(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // Nobody there, the database away, not in the log yet: said in so many words.
      if (!isDomainError(error)) broken.push(String(error));
    }
  }
}

function remember<K, V>(memory: Map<K, V>, key: K, value: V): void {
  if ((memory.get(key) ?? value) !== value) broken.push(`${String(key)} was ${String(memory.get(key))} and is ${String(value)}`);
  memory.set(key, value);
}

async function sizeAbove(size: number, withinMs = stallMs): Promise<number> {
  for (const until = performance.now() + withinMs; ; await sleep(100)) {
    const now = await stack.size().catch(() => -1);
    if (now > size) return now;
    if (performance.now() > until) throw new Error(`the log stands at ${now} entries and does not go on`);
  }
}

/** Until all that was published is in the log, or nothing has come for a while: then it is compared as it is. */
async function drained(): Promise<void> {
  let last = -1;
  for (let until = 0; ; await sleep(250)) {
    const size = await requestsLogged();
    if (size > last) until = performance.now() + stallMs;
    last = size;
    if (size >= published.size || performance.now() > until) return;
  }
}

/** Without what the deployment says of itself. */
function requestsLogged(): Promise<number> {
  const sql = "SELECT count(*)::int AS count FROM governance.log_ids i JOIN governance.log_kinds k ON k.code = i.kind WHERE k.type IN ('admitted', 'completed')";
  return withClient(stack.database.adminUrl, async (client) => (await client.query<{ count: number }>(sql)).rows[0]!.count);
}

/** The stored log as it is: each entry's bytes by its index, the rows beside it, and the tree over it. */
async function storedLog(): Promise<{ entries: Uint8Array[]; ids: Map<string, number>; edge: RightEdge; rootAt: Map<number, string>; rowCount: number }> {
  return withClient(stack.database.adminUrl, async (client) => {
    const pieces = await client.query<{ first: string; entries: Buffer }>('SELECT first, entries FROM governance.log_bundles ORDER BY first');
    const edge = RightEdge.empty(sha256);
    const entries: Uint8Array[] = [];
    const rootAt = new Map<number, string>();
    for (const { first, entries: bundle } of pieces.rows) {
      expect(Number(first)).toBe(entries.length);
      for (const entry of unpackBundle(bundle)) {
        entries.push(entry);
        edge.append(leafHash(sha256, entry));
        if (roots.has(edge.size)) rootAt.set(edge.size, toHex(edge.root()));
      }
    }
    const rows = await client.query<{ id: string; type: string; index: string }>('SELECT i.id, k.type, i.index FROM governance.log_ids i JOIN governance.log_kinds k ON k.code = i.kind');
    return { entries, edge, rootAt, rowCount: rows.rows.length, ids: new Map(rows.rows.map((row) => [nameOf(row), Number(row.index)])) };
  });
}

beforeAll(async () => {
  Logger.overrideLogger(false);
  stack = await LogStack.start();
});

afterAll(() => stack?.stop());

describe('sequencers that are killed under load', () => {
  it(`leave no gap, no fork, no duplicate and no promise broken after ${kills} deaths`, async () => {
    const alive: Running[] = await Promise.all(Array.from({ length: processes }, () => stack.sequencer()));
    const load = new Load();
    let size = await sizeAbove(0);
    for (let death = 1; death <= kills; death += 1) {
      await sleep(Math.random() * lifeMs);
      size = await sizeAbove(size);
      await alive.shift()!.kill();
      if (death % databaseEvery === 0) {
        await stack.postgres.kill();
        await stack.postgres.restart();
      }
      alive.push(await stack.sequencer());
      if (isSoak && death % 10 === 0) process.stderr.write(`${death} deaths, ${size} entries, ${promised.size} promises, ${roots.size} heads\n`);
    }
    await sizeAbove(size);
    await load.stop();
    await drained();
    await Promise.all(alive.map((running) => running.kill()));

    const { entries, ids, edge, rootAt, rowCount } = await storedLog();
    expect(broken).toEqual([]);
    const head = await withClient(stack.database.adminUrl, async (client) => (await client.query<{ size: string; root: Buffer }>('SELECT size, root FROM governance.log_head')).rows[0]!);
    expect({ size: Number(head.size), root: toHex(head.root) }).toEqual({ size: edge.size, root: toHex(edge.root()) });
    // Each once: what was published, and nothing else but what the deployment says of itself.
    expect({ rows: rowCount, different: ids.size, indices: new Set(ids.values()).size }).toEqual({ rows: entries.length, different: entries.length, indices: entries.length });
    const lost = [...published.keys()].filter((name) => !ids.has(name));
    expect(lost).toEqual([]);
    for (const [name, { envelope }] of published) if (Buffer.compare(entries[ids.get(name)!]!, Buffer.from(envelope, 'base64')) !== 0) throw new Error(`entry ${ids.get(name)} is not ${name}`);
    expect([...promised].filter(([name, index]) => ids.get(name) !== index)).toEqual([]);
    expect([...roots].filter(([at, root]) => at > 0 && rootAt.get(at) !== root)).toEqual([]);
    expect(promised.size).toBeGreaterThan(0);
    expect(roots.size).toBeGreaterThan(1);
    if (isSoak) process.stderr.write(`${kills} deaths: ${entries.length} entries, ${promised.size} promises and ${roots.size} heads hold\n`);
  }, soakMs);
});
