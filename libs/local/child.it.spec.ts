import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Home, baseEnvironment, identify, isRunning, launchUnder, release, takeOver, whenReady } from './index.js';
import type { LaunchSpec } from './index.js';

const node = (name: string, script: string): LaunchSpec => ({ name, command: process.execPath, args: ['-e', script], env: baseEnvironment() });
const forever = 'setInterval(() => {}, 1000)';

describe('children of the supervisor', () => {
  let home: Home;
  beforeEach(() => {
    home = new Home(mkdtempSync(join(tmpdir(), 'mizan-child-')));
  });
  afterEach(() => rmSync(home.root, { recursive: true, force: true }));

  it('are written down while they run and stopped when asked', async () => {
    const running = await launchUnder(home)(node('quiet', forever));
    expect(existsSync(home.path('pids', 'quiet.json'))).toBe(true);
    await running.stop();
    expect(isRunning(running.identity)).toBe(false);
    expect(existsSync(home.path('pids', 'quiet.json'))).toBe(false);
  });

  it('are ended by force when they do not listen', async () => {
    const running = await launchUnder(home)({ ...node('deaf', `process.on('SIGTERM', () => {}); console.log('up'); ${forever}`), stopMs: 200 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await running.stop();
    expect(running.exit()?.signal).toBe('SIGKILL');
  });

  it('that die early are reported with the end of their log', async () => {
    const running = await launchUnder(home)(node('doomed', "console.error('the database is on fire'); process.exit(3)"));
    await expect(whenReady(running, () => Promise.resolve(false), 5_000)).rejects.toThrow(/doomed ended with code 3[^]*the database is on fire/);
  });

  it('that are not ready in time are reported, and ended', async () => {
    const running = await launchUnder(home)(node('late', forever));
    await expect(whenReady(running, () => Promise.resolve(false), 100)).rejects.toThrow(/late is not ready[^]*It was given 0.1 s/);
    expect(isRunning(running.identity)).toBe(false);
  });

  it('that cannot be started are reported by name', async () => {
    await expect(launchUnder(home)({ name: 'ghost', command: '/no/such/program', args: [], env: {} })).rejects.toThrow('cannot start ghost');
  });

  it('left by a killed supervisor are found and ended, and nothing else is', async () => {
    const left = await launchUnder(home)(node('left', forever));
    const stranger = spawn(process.execPath, ['-e', forever], { stdio: 'ignore' });
    // A pid that was reused since: the number is right, the start time is not.
    home.writeJson({ pid: stranger.pid, startedAt: 'long ago', stopSignal: 'SIGTERM' }, 'pids', 'reused.json');
    try {
      expect(await takeOver(home)).toEqual(['left']);
      expect(isRunning(left.identity)).toBe(false);
      expect(identify(stranger.pid!)).toBeDefined();
    } finally {
      stranger.kill('SIGKILL');
    }
  });

  it('have one supervisor only', async () => {
    const other = spawn(process.execPath, ['-e', forever], { stdio: 'ignore' });
    try {
      home.writeJson(identify(other.pid!), 'supervisor.json');
      await expect(takeOver(home)).rejects.toThrow(/already runs.*process \d+/);
    } finally {
      other.kill('SIGKILL');
    }
    await new Promise((resolve) => other.once('exit', resolve));
    await takeOver(home);
    await release(home);
    expect(existsSync(home.path('supervisor.json'))).toBe(false);
  });

  it('of another supervisor are left alone by one that was turned away', async () => {
    const other = spawn(process.execPath, ['-e', forever], { stdio: 'ignore' });
    const theirs = await launchUnder(home)(node('theirs', forever));
    home.writeJson(identify(other.pid!), 'supervisor.json');
    try {
      await expect(takeOver(home)).rejects.toThrow('already runs');
      await release(home);
      expect(isRunning(theirs.identity)).toBe(true);
    } finally {
      other.kill('SIGKILL');
      await theirs.kill();
    }
  });
});
