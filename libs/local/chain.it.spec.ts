import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { Home, askChain, finaliseTraffic, freePort, launchUnder, localChain, localChainId, Ports, startChain } from './index.js';

describe('the embedded chain', () => {
  const home = new Home(mkdtempSync(join(tmpdir(), 'mizan-chain-')));
  const someone = '0x00000000000000000000000000000000000a11ce';
  afterAll(() => rmSync(home.root, { recursive: true, force: true }));

  it('keeps its state over a restart and a crash', async () => {
    const options = { directory: home.directory('chain'), port: await freePort(), launch: launchUnder(home) };
    const first = await startChain(options);
    expect(first.chainId).toBe(localChainId);
    await askChain(first.rpcUrl, 'anvil_setBalance', [someone, '0x2a']);
    const [from] = await askChain<string[]>(first.rpcUrl, 'eth_accounts');
    const sent = await askChain<string>(first.rpcUrl, 'eth_sendTransaction', [{ from, to: someone, value: '0x1' }]);
    // A transaction is answered before it is mined.
    for (let tries = 0; tries < 2_000 && (await askChain(first.rpcUrl, 'eth_getTransactionReceipt', [sent])) === null; tries += 1) await new Promise((resolve) => setTimeout(resolve, 20));
    await first.running!.stop();

    const second = await startChain(options);
    expect(await askChain(second.rpcUrl, 'eth_getBalance', [someone, 'latest'])).toBe('0x2b');
    expect(await askChain(second.rpcUrl, 'eth_getTransactionReceipt', [sent])).toMatchObject({ status: '0x1' });
    expect(await askChain(second.rpcUrl, 'eth_getBalance', [someone, 'finalized'])).toBe('0x2b');
    await askChain(second.rpcUrl, 'anvil_setBalance', [someone, '0x64']);
    await new Promise((resolve) => setTimeout(resolve, 2_500)); // the state is written every second
    await second.running!.kill();

    const third = await startChain(options);
    expect(await askChain(third.rpcUrl, 'eth_getBalance', [someone, 'latest'])).toBe('0x64');
    await third.running!.stop();
  });

  it('makes transactions final without more traffic, and mines nothing when there is none', async () => {
    const chain = await startChain({ directory: home.directory('final'), port: await freePort(), launch: launchUnder(home) });
    const stop = finaliseTraffic(chain.rpcUrl, 20);
    const height = async (tag: string) => Number((await askChain<{ number: string }>(chain.rpcUrl, 'eth_getBlockByNumber', [tag, false])).number);
    try {
      const [from] = await askChain<string[]>(chain.rpcUrl, 'eth_accounts');
      const tx = await askChain<string>(chain.rpcUrl, 'eth_sendTransaction', [{ from, to: someone, value: '0x1' }]);
      const minedIn = async () => Number((await askChain<{ blockNumber: string } | null>(chain.rpcUrl, 'eth_getTransactionReceipt', [tx]))?.blockNumber ?? Number.NaN);
      const isFinal = async () => (await height('finalized')) >= (await minedIn());
      for (let tries = 0; tries < 2_000 && !(await isFinal()); tries += 1) await new Promise((resolve) => setTimeout(resolve, 20));
      expect(await isFinal()).toBe(true);
      const settled = await height('latest');
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(await height('latest')).toBe(settled);
    } finally {
      stop();
      await chain.running!.stop();
    }
  });

  it('may be given by URL, which must answer', async () => {
    const parts = { home, ports: new Ports(home), launch: launchUnder(home), env: { MIZAN_RPC_URL: `http://127.0.0.1:${await freePort()}` } };
    await expect(localChain(parts)).rejects.toThrow('MIZAN_RPC_URL does not answer');
  });
});
