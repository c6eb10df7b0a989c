import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { onlyProcessOn } from './one-process.js';

describe('the lock of a witness', () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'mizan-lock-'));
    path = join(directory, 'lock');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const holder = (changes: object): void => {
    const free = onlyProcessOn(directory);
    const text = readFileSync(path, 'utf8');
    free();
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(text) as object), id: 'another', ...changes }));
  };

  it('is taken over from a process that is gone, also when another has its pid now', () => {
    holder({ pid: process.ppid, startedAt: '1' });
    const free = onlyProcessOn(directory);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid });
    free();
    expect(existsSync(path)).toBe(false);
    holder({ startedAt: '1' });
    onlyProcessOn(directory)();
  });

  it('is not taken from a process that lives', async () => {
    const child = spawn('sleep', ['60']);
    try {
      await once(child, 'spawn');
      const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
      holder({ pid: child.pid, startedAt: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] });
      expect(() => onlyProcessOn(directory)).toThrow(`in use by process ${child.pid}`);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    onlyProcessOn(directory)();
  });

  it('of another machine or container is taken over when it has been silent, and by one of two', () => {
    holder({ pid: 1, place: 'elsewhere 1 2' });
    expect(() => onlyProcessOn(directory)).toThrow('in use by process 1 of elsewhere');
    utimesSync(path, new Date(0), new Date(0));
    const free = onlyProcessOn(directory);
    expect(() => onlyProcessOn(directory)).toThrow(`in use by process ${process.pid}`);
    free();
  });

  it('that cannot be read is nobody’s to take', () => {
    writeFileSync(path, '{');
    expect(() => onlyProcessOn(directory)).toThrow('in use by process unknown');
  });

  it('that somebody took all the same is noticed', async () => {
    const free = onlyProcessOn(directory, (error) => (lost = error), 20);
    let lost: Error | undefined;
    writeFileSync(path, JSON.stringify({ id: 'another', pid: 1, startedAt: '1', place: 'elsewhere' }));
    for (let waited = 0; lost === undefined && waited < 5_000; waited += 10) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(lost?.message).toContain('taken over');
    free();
    expect(existsSync(path)).toBe(true);
  });
});
