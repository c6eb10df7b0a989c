import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ed25519Cosigner, ed25519Signer, formatVerifierKey, packBundle, sha256, toHex, toUtf8 } from '#merkle';
import type { Anchor } from '../verify/chain-view.js';
import { chainAnchors } from './chain-anchors.js';
import { entriesOf, LogOnAPort, signer } from './log-on-a-port-harness.js';
import { LogSource } from './log-source.js';
import { newMemory, readMemory, writeMemory, type Memory } from './memory.js';
import { monitorRound, type MonitorParts, type Round } from './monitor.js';

const logKey = formatVerifierKey(signer.key);
const cosigner = ed25519Cosigner('witness.example/w1', new Uint8Array(32).fill(0x42));
let log: LogOnAPort;
let memory: Memory;
let anchored: Anchor[];
/** When the newest of them was made, and the time. */
let [anchorMs, wallMs] = [0, 0];

beforeEach(async () => {
  log = await LogOnAPort.start();
  log.entries = entriesOf(300);
  memory = newMemory(logKey);
  anchored = [];
});
afterEach(() => log.close());

async function look(parts: Partial<MonitorParts> = {}): Promise<Round> {
  const anchors = { since: (block: number) => Promise.resolve({ anchors: anchored, newestMs: anchored.at(-1) && anchorMs, nextBlock: block + 1 }) };
  const round = await monitorRound({ log: new LogSource(log.prefix), logKey: signer.key, witnesses: [], quorum: 0, anchors, anchorWithinMs: undefined, patienceMs: 0, pauseMs: 5, nowMs: () => performance.now(), wallMs: () => wallMs, ...parts }, memory);
  memory = round.memory;
  return round;
}

describe('a monitor', () => {
  it('follows a log that only grows, reading what is new', async () => {
    expect(await look()).toMatchObject({ size: 300, added: 300 });
    log.entries = entriesOf(3_000);
    log.asked.length = 0;
    expect(await look()).toMatchObject({ size: 3_000, added: 2_700 });
    expect(log.asked).not.toContain('tile/entries/000');
    expect(toHex(memory.edge.root())).toBe(toHex(log.rootAt(3_000)));
    expect(await look()).toMatchObject({ size: 3_000, added: 0 });
  });

  it('begins with an empty log', async () => {
    log.entries = [];
    expect(await look()).toMatchObject({ size: 0, added: 0 });
    log.entries = entriesOf(1);
    expect(await look()).toMatchObject({ size: 1, added: 1 });
  });

  it.each([
    ['of the same size', 300],
    ['that has grown on', 301],
    ['that has grown far', 1_000],
  ])('raises an alarm when it is shown a forked log %s', async (_, size) => {
    await look();
    log.entries = entriesOf(size, 'another');
    await expect(look()).rejects.toMatchObject({ kind: 'fork', note: log.note() });
    expect(memory.edge.size).toBe(300);
  });

  it('raises an alarm when one old entry was changed and all hashes with it', async () => {
    await look();
    log.entries = entriesOf(700);
    log.entries[3] = toUtf8('rewritten');
    await expect(look()).rejects.toMatchObject({ kind: 'fork' });
  });

  it('raises an alarm when the log was cut', async () => {
    await look();
    log.entries = entriesOf(299);
    await expect(look()).rejects.toMatchObject({ kind: 'rollback', message: 'the log had 300 entries and now shows 299' });
  });

  it('waits a while for a server that lags, and no longer', async () => {
    await look();
    log.instead.set('checkpoint', { status: 200, body: log.note(299) });
    setTimeout(() => log.instead.clear(), 50);
    expect(await look({ patienceMs: 5_000 })).toMatchObject({ size: 300 });
    log.instead.set('checkpoint', { status: 200, body: log.note(299) });
    await expect(look({ patienceMs: 50 })).rejects.toMatchObject({ kind: 'rollback' });
  });

  it('raises an alarm on a checkpoint that another has signed, or nobody', async () => {
    const impostor = ed25519Signer(signer.key.name, new Uint8Array(32).fill(9));
    for (const body of [log.note(300, impostor), log.note(300).replace('\n300\n', '\n299\n'), 'hello']) {
      log.instead.set('checkpoint', { status: 200, body });
      await expect(look()).rejects.toMatchObject({ kind: 'bad-signature' });
    }
  });

  it.each([
    ['an entry with another byte', 'tile/entries/000', { status: 200, body: packBundle([...entriesOf(255), toUtf8('entry 25X')]) }, 'fork'],
    ['an entry too few', 'tile/entries/000', { status: 200, body: packBundle(entriesOf(255)) }, 'withheld'],
    ['half a bundle', 'tile/entries/000', { status: 200, body: packBundle(entriesOf(256)).subarray(1) }, 'withheld'],
    ['no bundle', 'tile/entries/001.p/44', { status: 404, body: '' }, 'withheld'],
    ['no tile', 'tile/1/000.p/1', { status: 404, body: '' }, 'withheld'],
    ['a tile of other hashes', 'tile/0/001.p/44', { status: 200, body: new Uint8Array(44 * 32) }, 'withheld'],
    ['a shorter tile', 'tile/0/001.p/44', { status: 200, body: new Uint8Array(43 * 32) }, 'withheld'],
  ])('raises an alarm when the log serves %s', async (_, path, answer, kind) => {
    log.instead.set(path, answer);
    await expect(look()).rejects.toMatchObject({ name: 'Alarm', kind });
  });

  it('says that it could not look when the log is not there, which is no alarm', async () => {
    log.instead.set('tile/entries/000', { status: 503, body: '' });
    await expect(look()).rejects.toMatchObject({ name: 'Error', message: expect.stringContaining('503') });
    await expect(look({ log: new LogSource('http://127.0.0.1:9/log') })).rejects.toMatchObject({ name: 'Error', message: expect.stringContaining('cannot be reached') });
  });

  it('names the witnesses that it trusts, and counts no other', async () => {
    log.instead.set('checkpoint', { status: 200, body: log.note(300, signer, cosigner) });
    expect((await look()).witnessedBy).toEqual([]);
    expect((await look({ witnesses: [cosigner.key], quorum: 1 })).witnessedBy).toEqual(['witness.example/w1']);
    log.instead.clear();
    await expect(look({ witnesses: [cosigner.key], quorum: 1 })).rejects.toMatchObject({ kind: 'unwitnessed' });
  });

  it('waits for cosignatures within its patience, and no longer', async () => {
    const other = ed25519Cosigner('witness.example/w2', new Uint8Array(32).fill(0x44));
    const parts = { witnesses: [cosigner.key, other.key], quorum: 2, patienceMs: 60_000 };
    log.instead.set('checkpoint', { status: 200, body: log.note(300, signer, cosigner) });
    let looks = 0;
    class Cosigned extends LogSource {
      override checkpoint(): Promise<string> {
        if ((looks += 1) === 3) log.instead.set('checkpoint', { status: 200, body: log.note(300, signer, cosigner, other) });
        return super.checkpoint();
      }
    }
    expect((await look({ ...parts, log: new Cosigned(log.prefix) })).witnessedBy).toEqual(['witness.example/w1', 'witness.example/w2']);
    expect(looks).toBe(3);
    log.instead.set('checkpoint', { status: 200, body: log.note(300, signer, cosigner) });
    await expect(look({ ...parts, patienceMs: 0 })).rejects.toMatchObject({ kind: 'unwitnessed' });
  });

  it('counts a witness of the operator for none', async () => {
    const own = ed25519Cosigner('mizan.example/witness', new Uint8Array(32).fill(0x43));
    log.instead.set('checkpoint', { status: 200, body: log.note(300, signer, own, cosigner) });
    expect((await look({ witnesses: [own.key, cosigner.key], quorum: 1 })).witnessedBy).toEqual(['witness.example/w1']);
    await expect(look({ witnesses: [own.key, cosigner.key], quorum: 2 })).rejects.toMatchObject({ kind: 'unwitnessed' });
  });
});

describe('anchors on the chain', () => {
  it('are compared with the log whenever they were made', async () => {
    anchored = [1, 255, 256, 299, 300].map((size) => log.anchor(size));
    expect(await look()).toMatchObject({ anchors: 5 });
    anchored = [log.anchor(128)];
    log.entries = entriesOf(700);
    expect(await look()).toMatchObject({ anchors: 1, memory: { nextBlock: 2 } });
  });

  it('raise an alarm when one payer was shown another log', async () => {
    anchored = [log.anchor(200), log.anchor(100, toHex(sha256(toUtf8('another'))))];
    await expect(look()).rejects.toMatchObject({ kind: 'anchor', message: expect.stringContaining('0x100') });
    anchored = [log.anchor(300, toHex(sha256(toUtf8('another'))))];
    await expect(look()).rejects.toMatchObject({ kind: 'anchor' });
  });

  it('raise an alarm when they are of more entries than the log shows, after a while', async () => {
    anchored = [log.anchor(300)];
    log.instead.set('checkpoint', { status: 200, body: log.note(290) });
    setTimeout(() => log.instead.clear(), 50);
    expect(await look({ patienceMs: 5_000 })).toMatchObject({ size: 300, anchors: 1 });
    anchored = [{ ...log.anchor(300), size: 301 }];
    await expect(look()).rejects.toMatchObject({ kind: 'anchor', message: expect.stringContaining('the rest is gone') });
  });

  it('raise an alarm when none comes within the time that was asked for, also over a restart and of a log that never had one', async () => {
    const hourly = { anchorWithinMs: 3_600_000 };
    const path = join(mkdtempSync(join(tmpdir(), 'mizan-monitor-')), 'state');
    wallMs = 10_000_000;
    await look(hourly);
    wallMs += 3_600_000;
    await look(hourly);
    wallMs += 1;
    await expect(look(hourly)).rejects.toMatchObject({ kind: 'unanchored', message: expect.stringContaining('since 1970-01-01T02:46:40.000Z') });
    [anchored, anchorMs] = [[log.anchor(200)], wallMs - 1_000];
    await look(hourly);
    await writeMemory(path, memory);
    memory = readMemory(path, logKey);
    // The same one seen again, in the blocks that are looked at twice, is no newer.
    wallMs += 3_600_000 - 1_000;
    await look(hourly);
    [anchored, wallMs] = [[], wallMs + 1];
    await expect(look(hourly)).rejects.toMatchObject({ kind: 'unanchored' });
    await look();
    anchored = [log.anchor(100, toHex(sha256(toUtf8('another'))))];
    await expect(look(hourly)).rejects.toMatchObject({ kind: 'anchor' });
    rmSync(join(path, '..'), { recursive: true });
  });

  it('are those of the payers that are named, and a few blocks are looked at twice', async () => {
    const chain = { headBlock: () => Promise.resolve(1_000), timeOf: (block: number) => Promise.resolve(block * 1_000), anchors: () => Promise.resolve([log.anchor(1), { ...log.anchor(2), payer: '0xb' }]) };
    expect(await chainAnchors(chain, []).since(0)).toMatchObject({ anchors: [{ size: 1 }, { size: 2 }], newestMs: 2_000, nextBlock: 937 });
    expect(await chainAnchors(chain, ['0xB']).since(990)).toMatchObject({ anchors: [{ size: 2 }], nextBlock: 990 });
  });
});

describe('the memory of a monitor', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'mizan-monitor-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('is the same after a restart', async () => {
    const path = join(directory, 'state');
    await look();
    await writeMemory(path, memory);
    memory = readMemory(path, logKey);
    log.entries = entriesOf(400);
    expect(await look()).toMatchObject({ size: 400, added: 100 });
    log.entries = entriesOf(500, 'another');
    memory = readMemory(path, logKey);
    await expect(look()).rejects.toMatchObject({ kind: 'fork' });
  });

  it('is refused when it is of another log, or no memory', async () => {
    const path = join(directory, 'state');
    await look();
    await writeMemory(path, memory);
    expect(() => readMemory(path, formatVerifierKey(cosigner.key))).toThrow('another log');
    const whole = readFileSync(path, 'utf8');
    for (const text of ['', '{}', whole.slice(0, -20), whole.replace('"size":300', '"size":301')]) {
      writeFileSync(path, text);
      expect(() => readMemory(path, logKey)).toThrow('not the memory');
    }
  });
});
