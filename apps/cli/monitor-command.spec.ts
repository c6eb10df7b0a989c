import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ed25519Cosigner, ed25519Signer, formatVerifierKey, fromBase64, toUtf8, type KeyHistoryFile } from '#merkle';
import { historyOf } from '../../libs/merkle/key-history-harness.js';
import { monitorCommand } from './monitor-command.js';
import { entriesOf, LogOnAPort, signer } from './monitor/log-on-a-port-harness.js';

let log: LogOnAPort;
let directory: string;
let lines: string[];

beforeEach(async () => {
  process.exitCode = undefined;
  log = await LogOnAPort.start();
  directory = mkdtempSync(join(tmpdir(), 'mizan-monitor-'));
  lines = [];
  jest.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
});
afterEach(async () => {
  process.exitCode = undefined;
  jest.restoreAllMocks();
  await log.close();
  rmSync(directory, { recursive: true });
});

const run = (...more: string[]) => monitorCommand().parseAsync(['--log', log.prefix, '--log-key', formatVerifierKey(signer.key), '--state', join(directory, 'state'), '--patience', '0', ...more], { from: 'user' });

describe('mizan monitor', () => {
  it('says what is right, and goes on from there at the next start', async () => {
    log.entries = entriesOf(5);
    await run('--once');
    log.entries = entriesOf(8);
    await run('--once', '--json');
    expect(lines).toEqual(['right  5 entries, 5 new, no witness of yours, 0 new anchors', '{"ok":true,"size":8,"added":3,"witnessedBy":[],"anchors":0}']);
    expect(process.exitCode).toBeUndefined();
  });

  it('ends within one interval of a fork with one line, exit code 1 and both checkpoints as evidence', async () => {
    log.entries = entriesOf(5);
    const right = log.note();
    const watching = run('--interval', '0.05');
    while (lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    log.entries = entriesOf(9, 'another');
    await watching;
    expect(lines.at(-1)).toMatch(/^ALARM {2}fork: .*entries/);
    expect(lines.filter((line) => line.startsWith('ALARM'))).toHaveLength(1);
    expect(process.exitCode).toBe(1);
    expect(JSON.parse(readFileSync(join(directory, 'state.alarm'), 'utf8'))).toMatchObject({ alarm: 'fork', shown: log.note(), remembered: right });
  });

  it('goes on under a new key of the log from what it saw under the former one, when it is told of both, and takes it for an attack when not', async () => {
    log.entries = entriesOf(5);
    await run('--once');
    const next = ed25519Signer(signer.key.name, new Uint8Array(32).fill(9));
    log.entries = entriesOf(8);
    log.instead.set('checkpoint', { status: 200, body: log.note(8, next) });
    await run('--once');
    expect(lines.at(-1)).toMatch(/^ALARM {2}bad-signature/);
    const [former, now] = [formatVerifierKey(signer.key), formatVerifierKey(next.key)];
    await expect(run('--once', '--log-key', now)).rejects.toThrow('the memory of another log');
    await expect(run('--once', '--log-key', now, '--former-key', now)).rejects.toThrow('the memory of another log');
    await run('--once', '--log-key', now, '--former-key', former);
    expect(lines.at(-1)).toBe('right  8 entries, 3 new, no witness of yours, 0 new anchors');
    log.entries = entriesOf(9, 'another');
    log.instead.set('checkpoint', { status: 200, body: log.note(9, next) });
    await run('--once', '--log-key', now, '--former-key', former);
    expect(lines.at(-1)).toMatch(/^ALARM {2}fork/);
  });

  it('follows the keys of a log where it is told to, and stays where they lead; a key that the known one has not signed is an alarm', async () => {
    const next = ed25519Signer(signer.key.name, new Uint8Array(32).fill(9));
    const serve = (history: KeyHistoryFile): void => {
      log.entries = [...entriesOf(5), fromBase64(history.changes[0]!.envelope), toUtf8('the last')];
      log.instead.set('checkpoint', { status: 200, body: history.checkpoint });
      log.instead.set('keys', { status: 200, body: JSON.stringify(history) });
    };
    log.entries = entriesOf(5);
    await run('--once', '--follow-keys');
    for (const stolen of [historyOf([{ from: signer, to: next, at: 5, by: [next] }]), historyOf([{ from: signer, to: next, at: 5, size: 4 }])]) {
      serve(stolen);
      await run('--once', '--follow-keys');
      expect([process.exitCode, lines.at(-1)]).toEqual([1, expect.stringMatching(/^ALARM {2}(bad-signature|fork)/)]);
      process.exitCode = undefined;
    }
    serve(historyOf([{ from: signer, to: next, at: 5 }]));
    await run('--once');
    expect(lines.at(-1)).toMatch(/^ALARM {2}bad-signature/);
    process.exitCode = undefined;
    await run('--once', '--follow-keys');
    expect(lines.slice(-2)).toEqual([`right  the log goes on under the key ${formatVerifierKey(next.key)}`, 'right  7 entries, 2 new, no witness of yours, 0 new anchors']);
    await run('--once', '--follow-keys');
    expect([process.exitCode, lines.at(-1)]).toEqual([undefined, 'right  7 entries, 0 new, no witness of yours, 0 new anchors']);
    await expect(run('--once')).rejects.toThrow('the memory of another log');
    serve(historyOf([{ from: signer, to: next, at: 5 }], { entry: 'another' }));
    log.entries[0] = toUtf8('another 0');
    await run('--once', '--follow-keys');
    expect([process.exitCode, lines.at(-1)]).toEqual([1, expect.stringMatching(/^ALARM {2}fork/)]);
  });

  it('ends within one interval of a log that was cut, however patient it is told to be', async () => {
    log.entries = entriesOf(5);
    const watching = run('--interval', '0.05', '--patience', '3600');
    while (lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    log.entries = entriesOf(4);
    await watching;
    expect(lines.at(-1)).toMatch(/^ALARM {2}rollback: .*5 entries and now shows 4/);
    expect(process.exitCode).toBe(1);
  });

  it('fails when it cannot look once, and has its options right', async () => {
    log.entries = entriesOf(5);
    log.instead.set('checkpoint', { status: 500, body: '' });
    await expect(run('--once')).rejects.toThrow('answered 500');
    await expect(run('--once', '--quorum', '1')).rejects.toThrow('--quorum');
    const own = ed25519Cosigner('mizan.example/witness', new Uint8Array(32).fill(3));
    await expect(run('--once', '--quorum', '1', '--witness', formatVerifierKey(own.key))).rejects.toThrow("mizan.example/witness is the operator's own");
    await expect(run('--once', '--rpc', 'http://127.0.0.1:9')).rejects.toThrow('--escrow');
    await expect(run('--once', '--anchor-within', '3600')).rejects.toThrow('--anchor-within takes a chain');
    await expect(run('--interval', 'soon')).rejects.toThrow('--interval');
  });
});
