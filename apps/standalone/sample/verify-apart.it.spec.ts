import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { formatVerifierKey } from '#merkle';
import { exampleLog, exampleText } from '../../../libs/merkle/bundle-harness.js';
import { withOneByteChanged } from './offline-bundle.js';
import { verifyApart, withoutNetwork } from './verify-apart.js';

const apps = join(process.cwd(), 'dist/apps');
const run = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), 'mizan-apart-'));
const server = createServer((socket) => socket.end('reached'));
let port: number;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true });
});

const fileOf = (name: string, text: string): string => {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
};

describe('the verifier in a process without a network', () => {
  it('finds a bundle valid, and one with a byte changed invalid, by the file alone', async () => {
    const logKey = formatVerifierKey(exampleLog.key);
    const genuine = await verifyApart(apps, fileOf('genuine.json', exampleText()), logKey);
    expect(genuine).toMatchObject({ result: 'valid', broken: [] });
    const changed = await verifyApart(apps, fileOf('changed.json', withOneByteChanged(exampleText())), logKey);
    expect(changed.result).toBe('invalid');
    expect(changed.broken).toContain('entry 6');
  });

  it('says why when there is nothing to verify', async () => {
    await expect(verifyApart(apps, join(directory, 'none.json'), 'no key')).rejects.toThrow('mizan audit verify could not run: ');
  });

  it.each([
    ['a socket', "require('node:net').connect(port, '127.0.0.1').on('data', (bytes) => console.log(String(bytes)))"],
    ['fetch', "fetch('http://127.0.0.1:' + port)"],
    ['a name', "require('node:dns').lookup('localhost', (_, address) => console.log(address))"],
    ['a datagram', "require('node:dgram').createSocket('udp4').send('x', port, '127.0.0.1')"],
    ['a server', "require('node:net').createServer().listen(0)"],
  ])('has none: %s', async (_, code) => {
    const program = `const port = ${port}; ${code}`;
    await expect(run(process.execPath, ['--import', withoutNetwork(apps), '-e', program])).rejects.toThrow('the network is off');
  });

  it('would have one without that', async () => {
    const { stdout } = await run(process.execPath, ['-e', `require('node:net').connect(${port}, '127.0.0.1').on('data', (bytes) => console.log(String(bytes)))`]);
    expect(stdout.trim()).toBe('reached');
  });
});
