import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Home, baseEnvironment, isRunning, launchUnder, whenReady } from '#local';
import type { Running } from '#local';
import { Supervisor } from './supervisor.js';

const until = async (condition: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 2_000 && !condition(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 20));
};

describe('the supervisor', () => {
  let home: Home;
  let said: string[];
  let supervisor: Supervisor;
  const run = (script: string) => () => launchUnder(home)({ name: 'one', command: process.execPath, args: ['-e', script], env: baseEnvironment() });
  const forever = "console.log('hello'); setInterval(() => {}, 1000)";
  beforeEach(() => {
    home = new Home(mkdtempSync(join(tmpdir(), 'mizan-supervisor-')));
    said = [];
    supervisor = new Supervisor((line) => said.push(line));
  });
  afterEach(async () => {
    await supervisor.kill();
    rmSync(home.root, { recursive: true, force: true });
  });

  it('starts a killed process again and says so', async () => {
    const first = await supervisor.keep('one', run(forever));
    process.kill(first.identity.pid, 'SIGKILL');
    await until(() => said.length >= 2);
    expect(said[0]).toContain('one was ended by SIGKILL');
    expect(said[1]).toMatch(/one runs again/);
    expect(supervisor.pid('one')).not.toBe(first.identity.pid);
  });

  it('leaves down what was killed on purpose, until it is revived', async () => {
    const first = await supervisor.keep('one', run(forever));
    await supervisor.killOnPurpose('one');
    expect(isRunning(first.identity)).toBe(false);
    expect(said).toEqual([]);
    await supervisor.revive('one');
    expect(supervisor.pid('one')).not.toBe(first.identity.pid);
  });

  it('gives up on a process that keeps dying', async () => {
    await supervisor.keep('one', run('process.exit(7)'));
    await until(() => said.some((line) => line.includes('stays down')));
    expect(said.filter((line) => line.includes('ended with code 7'))).toHaveLength(4);
  });

  it('starts again what did not get ready after its death', async () => {
    let starts = 0;
    const start = async (): Promise<Running> => {
      starts += 1;
      const running = await run(forever)();
      await whenReady(running, () => Promise.resolve(starts !== 2), 200);
      return running;
    };
    const first = await supervisor.keep('one', start);
    process.kill(first.identity.pid, 'SIGKILL');
    await until(() => said.some((line) => line.includes('runs again')));
    expect(said[1]).toMatch(/one could not be started again: one is not ready[^]*It was given 0.2 s/);
    expect(starts).toBe(3);
  });

  it('stops everything and starts nothing after that', async () => {
    const first = await supervisor.keep('one', run(forever));
    await supervisor.stop([]);
    expect(isRunning(first.identity)).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(said).toEqual([]);
  });
});
