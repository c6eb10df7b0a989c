import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ed25519Signer, formatVerifierKey } from '#merkle';
import { exampleEntries, exampleLog, exampleText } from '../../libs/merkle/bundle-harness.js';
import { historyOf } from '../../libs/merkle/key-history-harness.js';
import { auditVerifyCommand, replayCommand } from './audit-command.js';
import { keysCommand, verifyKeysCommand } from './keys-command.js';
import { LogOnAPort } from './monitor/log-on-a-port-harness.js';

const next = ed25519Signer(exampleLog.key.name, new Uint8Array(32).fill(9));
const [former, now] = [exampleLog, next].map(({ key }) => formatVerifierKey(key)) as [string, string];
let directory: string;
let history: string;
let lines: string[];

beforeEach(() => {
  process.exitCode = undefined;
  directory = mkdtempSync(join(tmpdir(), 'mizan-keys-'));
  history = join(directory, 'log-keys.json');
  writeFileSync(history, JSON.stringify(historyOf([{ from: exampleLog, to: next, at: 11 }], { begin: exampleEntries() })));
  lines = [];
  jest.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
});
afterEach(() => {
  process.exitCode = undefined;
  jest.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

describe('the keys that a log had', () => {
  it('are fetched without a key, and follow offline from any of them', async () => {
    const log = await LogOnAPort.start();
    log.instead.set('keys', { status: 200, body: readFileSync(history, 'utf8') });
    const fetched = join(directory, 'fetched.json');
    await keysCommand().parseAsync(['--api', log.prefix.replace(/\/log$/, ''), '--key', 'mz_none', '--out', fetched], { from: 'user' });
    await log.close();
    for (const known of [former, now]) await verifyKeysCommand().parseAsync([fetched, '--log-key', known], { from: 'user' });
    expect(lines.filter((line) => line.startsWith('holds'))).toEqual([`holds   ${former}, up to 11 entries (the one that you know)`, `holds   ${now}, now`, `holds   ${former}, up to 11 entries`, `holds   ${now}, now (the one that you know)`]);
    expect(process.exitCode).toBeUndefined();
    const other = formatVerifierKey(ed25519Signer(exampleLog.key.name, new Uint8Array(32).fill(10)).key);
    await verifyKeysCommand().parseAsync([fetched, '--log-key', other, '--json'], { from: 'user' });
    expect([process.exitCode, JSON.parse(lines.at(-1)!)]).toEqual([1, { holds: false, error: expect.stringContaining('not to the key that you know') }]);
  });

  it('let a bundle of before be verified under the key of today', async () => {
    const bundle = join(directory, 'bundle.json');
    writeFileSync(bundle, exampleText());
    await auditVerifyCommand().parseAsync([bundle, '--log-key', now], { from: 'user' });
    expect([process.exitCode, lines.join('\n')]).toEqual([1, expect.stringContaining('BROKEN  log key')]);
    process.exitCode = undefined;
    await auditVerifyCommand().parseAsync([bundle, '--log-key', now, '--key-history', history], { from: 'user' });
    expect([process.exitCode, lines.at(-1)]).toEqual([undefined, expect.stringMatching(/: valid$/)]);
    expect(lines).toContainEqual(expect.stringMatching(/^holds {3}key history .*was the log's key up to 11 entries/));
    await expect(auditVerifyCommand().parseAsync([bundle, '--key-history', history], { from: 'user' })).rejects.toThrow('--key-history takes --log-key');
  });

  it.each([['verify', auditVerifyCommand], ['replay', replayCommand]] as const)('let %s take no small tree under the former key for the log’s: whoever has it may have signed it since', async (_, command) => {
    const bundle = join(directory, 'bundle.json');
    writeFileSync(bundle, exampleText());
    writeFileSync(history, JSON.stringify(historyOf([{ from: exampleLog, to: next, at: 1_000 }])));
    await command().parseAsync([bundle, '--log-key', now, '--key-history', history], { from: 'user' });
    expect([process.exitCode, lines.at(-1)]).toEqual([3, expect.stringMatching(/: incomplete$/)]);
    expect(lines).toContainEqual(expect.stringMatching(/^UNKNOWN key history .*may have signed it since\. Fetch it anew/));
  });
});
