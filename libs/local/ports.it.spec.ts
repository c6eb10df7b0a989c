import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Home, Ports, freePort } from './index.js';

describe('ports', () => {
  const home = new Home(mkdtempSync(join(tmpdir(), 'mizan-ports-')));
  let other: Server;
  let taken: number;
  beforeAll(async () => {
    other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    taken = (other.address() as AddressInfo).port;
  });
  afterAll(() => {
    other.close();
    rmSync(home.root, { recursive: true, force: true });
  });

  it('stay the same over restarts', async () => {
    const preferred = await freePort();
    expect(await new Ports(home).take('api', preferred)).toBe(preferred);
    expect(await new Ports(home).take('api')).toBe(preferred);
  });

  it('are none that a system gives to others meanwhile, and not given twice', async () => {
    const ports = await Promise.all(Array.from({ length: 20 }, () => freePort()));
    expect(new Set(ports).size).toBe(20);
    expect(Math.max(...ports)).toBeLessThan(32_768);
  });

  it('give way to another program, and say so', async () => {
    const said: string[] = [];
    const port = await new Ports(home, (line) => said.push(line)).take('hub', taken);
    expect(port).not.toBe(taken);
    expect(said).toEqual([`port ${taken} (hub) is in use by another program; using ${port} instead`]);
  });

  it('refuse a port that was asked for and is in use, or is none', async () => {
    await expect(new Ports(home).demand('api', 'MIZAN_PORT', String(taken))).rejects.toThrow(`port ${taken} (MIZAN_PORT, api) is in use`);
    await expect(new Ports(home).demand('api', 'MIZAN_PORT', '70000')).rejects.toThrow('not a TCP port');
  });
});
