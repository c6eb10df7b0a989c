import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ed25519Cosigner, ed25519Signer, formatVerifierKey } from '#merkle';
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
    await expect(run('--interval', 'soon')).rejects.toThrow('--interval');
  });
});
