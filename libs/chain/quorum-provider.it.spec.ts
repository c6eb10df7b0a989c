import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Wallet } from 'ethers';
import { askChain } from '#local';
import { anvilKeys, lacks, mine, startAnvil, startRpcProxy } from '#testing';
import type { Anvil, RpcProxy } from '#testing';
import { connect, deployEscrow, deployTestDollar, depositTestDollars, Escrow, QuorumProvider, reaching, suggestedTip } from './index.js';

const someone = '0x00000000000000000000000000000000000a11ce';
const lie = `0x${'de'.repeat(32)}`;

describe('a provider over three endpoints', () => {
  let anvil: Anvil;
  let other: Anvil;
  let proxies: RpcProxy[];
  let provider: QuorumProvider;
  let aside: string[];
  let escrow: string;

  beforeAll(async () => {
    [anvil, other] = await Promise.all([startAnvil(), startAnvil({ chainId: 5n })]);
    const direct = connect(anvil.rpcUrl, 31_337n);
    const deployer = new Wallet(anvilKeys[0], direct);
    escrow = await deployEscrow(deployer, { token: await deployTestDollar(deployer), unit: 1n, thawSeconds: 60n });
    await depositTestDollars(deployer, escrow, 7n);
    direct.destroy();
    await mine(anvil.rpcUrl, 4);
    proxies = await Promise.all([1, 2, 3].map(() => startRpcProxy(() => anvil.rpcUrl)));
  });

  afterAll(async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    await Promise.all([anvil.stop(), other.stop()]);
  });

  beforeEach(() => {
    aside = [];
    provider = new QuorumProvider(proxies.map(({ url }) => url), 31_337n, { timeoutMs: 2_000, onAside: (name, reason) => aside.push(`${name} ${reason}`) });
    for (const proxy of proxies) Object.assign(proxy, { twist: null, refuse: null, mode: 'up', watch: null });
  });

  afterEach(() => provider.destroy());

  const finalNumber = async (): Promise<number> => (await provider.getBlock('finalized'))!.number;
  const realFinal = async (): Promise<number> => Number((await askChain<{ number: string }>(anvil.rpcUrl, 'eth_getBlockByNumber', ['finalized', false])).number);

  it.each(['silent', 'down'] as const)('goes on when one is %s, without waiting for it twice', async (mode) => {
    proxies[0]!.mode = mode;
    expect(await finalNumber()).toBe(await realFinal());
    const startedMs = performance.now();
    for (let times = 0; times < 5; times++) await provider.getBalance(someone);
    expect(performance.now() - startedMs).toBeLessThan(5 * 2_000);
    expect(aside).toEqual([`${proxies[0]!.url} does not answer`]);
  });

  it('says that the chain is unavailable when too few answer, and recovers by itself', async () => {
    for (const proxy of proxies.slice(1)) proxy.mode = 'down';
    await expect(reaching(() => provider.getBlock('finalized'))).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE' });
    for (const proxy of proxies.slice(1)) proxy.mode = 'up';
    expect(await finalNumber()).toBe(await realFinal());
  });

  it('does not believe one that says more is final than is, or gives a final block another hash', async () => {
    proxies[0]!.twist = ({ method, params }, result) => (method === 'eth_getBlockByNumber' && params[0] === 'finalized' ? { ...(result as object), number: '0xffff' } : undefined);
    expect(await finalNumber()).toBe(await realFinal());
    proxies[0]!.twist = ({ method }, result) => (method === 'eth_getBlockByNumber' ? { ...(result as object), hash: lie } : undefined);
    expect((await provider.getBlock('finalized'))!.hash).not.toBe(lie);
    expect(aside).toEqual([expect.stringContaining('others deny')]);
    const asked = proxies[0]!.asked.length;
    await finalNumber();
    expect(proxies[0]!.asked).toHaveLength(asked);
  });

  it('asks once for the final block while all name the same one, and for its hash when one is ahead', async () => {
    await finalNumber();
    const asked = (): string[] => proxies.flatMap((proxy) => proxy.asked.splice(0).map(({ params }) => String(params[0])));
    asked();
    await finalNumber();
    expect(asked()).toEqual(['finalized', 'finalized', 'finalized']);
    const ahead = (await realFinal()) + 1;
    proxies[0]!.twist = ({ params }, result) => (params[0] === 'finalized' ? { ...(result as object), number: `0x${ahead.toString(16)}`, hash: lie } : undefined);
    expect(await finalNumber()).toBe(ahead - 1);
    expect(asked().filter((block) => block !== 'finalized')).toHaveLength(3);
    expect(aside).toEqual([]);
  });

  it('reads events that one hides, and no event that one makes up', async () => {
    const { number } = (await provider.getBlock('finalized'))!;
    const seen = new Escrow(escrow, provider);
    proxies[1]!.twist = ({ method }) => (method === 'eth_getLogs' ? [] : undefined);
    expect(await seen.events(0, number)).toMatchObject([{ name: 'Deposited', units: 7n }]);
    proxies[2]!.twist = ({ method }, result) => (method === 'eth_getLogs' ? (result as { data: string }[]).map((log) => ({ ...log, data: log.data.replace(/7/g, '9') })) : undefined);
    proxies[1]!.twist = null;
    const fresh = new QuorumProvider(proxies.map(({ url }) => url), 31_337n);
    expect(await new Escrow(escrow, fresh).events(0, number)).toMatchObject([{ name: 'Deposited', units: 7n }]);
    fresh.destroy();
  });

  it('gives out no nonce that one alone pushes up or holds back', async () => {
    const sender = new Wallet(anvilKeys[0]).address;
    const nonce = Number(await askChain(anvil.rpcUrl, 'eth_getTransactionCount', [sender, 'latest']));
    for (const said of ['0xffffff', '0x0', 'nonsense']) {
      proxies[0]!.twist = ({ method }) => (method === 'eth_getTransactionCount' ? said : undefined);
      expect(await provider.getTransactionCount(sender)).toBe(nonce);
    }
  });

  it('counts a transaction as mined when a quorum has seen it, and hands it to everybody', async () => {
    const wallet = new Wallet(anvilKeys[1], provider);
    const raw = await wallet.signTransaction(await wallet.populateTransaction({ to: someone, value: 1n }));
    proxies[0]!.mode = 'down';
    proxies[1]!.asked.length = proxies[2]!.asked.length = 0;
    const hash = (await provider.send('eth_sendRawTransaction', [raw])) as string;
    expect([1, 2].map((at) => proxies[at]!.asked.some(({ method }) => method === 'eth_sendRawTransaction'))).toEqual([true, true]);
    proxies[1]!.twist = ({ method }) => (method === 'eth_getTransactionReceipt' ? null : undefined);
    // One has seen it and one has not: whoever took that for "not mined" would call what was paid unpaid.
    await expect(reaching(() => provider.getTransactionReceipt(hash))).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE' });
    proxies[2]!.twist = proxies[1]!.twist;
    expect(await provider.getTransactionReceipt(hash)).toBeNull();
    proxies[1]!.twist = proxies[2]!.twist = null;
    expect(await provider.getTransactionReceipt(hash)).toMatchObject({ hash, status: 1 });
    // Whether anybody at all has seen it is another question, and a silent one is no answer to it.
    proxies[1]!.twist = ({ method }) => (method === 'eth_getTransactionByHash' ? null : undefined);
    expect((await provider.each('eth_getTransactionByHash', [hash])).filter((seen) => seen !== null)).toMatchObject([{ hash }]);
    proxies[1]!.mode = 'down';
    await expect(reaching(() => provider.each('eth_getTransactionByHash', [hash]))).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE' });
  });

  it.each([1, 2, 3])('suggests a tip when %i of them have no eth_maxPriorityFeePerGas', async (without) => {
    const base = (await provider.getBlock('latest'))!.baseFeePerGas!;
    const [tip, price] = await Promise.all(['eth_maxPriorityFeePerGas', 'eth_gasPrice'].map((method) => askChain<string>(anvil.rpcUrl, method)));
    for (const proxy of proxies.slice(0, without)) proxy.refuse = lacks('eth_maxPriorityFeePerGas');
    expect(await suggestedTip(provider, base)).toBe(without === 1 ? BigInt(tip!) : BigInt(price!) - base);
    expect(await suggestedTip(provider, 2n ** 64n)).toBe(without === 1 ? BigInt(tip!) : 0n);
    proxies[2]!.mode = 'down';
    if (without === 2) expect(await suggestedTip(provider, base)).toBe(BigInt(price!) - base);
  });

  it('tells bytes of a kind that nodes do not know from bytes that they have', async () => {
    const wallet = new Wallet(anvilKeys[2], provider);
    const raw = await wallet.signTransaction(await wallet.populateTransaction({ to: someone, value: 1n }));
    for (const proxy of proxies) proxy.refuse = ({ method }) => (method === 'eth_sendRawTransaction' ? { code: -32_000, message: 'unknown transaction type' } : undefined);
    proxies[2]!.refuse = ({ method }) => (method === 'eth_sendRawTransaction' ? { code: -32_000, message: 'already known' } : undefined);
    await expect(provider.send('eth_sendRawTransaction', [raw])).rejects.toMatchObject({ error: { message: 'already known' } });
    proxies[2]!.refuse = proxies[0]!.refuse;
    await expect(provider.send('eth_sendRawTransaction', [raw])).rejects.toMatchObject({ error: { message: 'unknown transaction type' } });
  });

  it('sets one aside that is another chain, and tells a contract’s refusal from a silence', async () => {
    const mixed = new QuorumProvider([other.rpcUrl, ...proxies.slice(1).map(({ url }) => url)], 31_337n, { onAside: (_name, reason) => aside.push(reason) });
    const seen = new Escrow(escrow, mixed);
    await expect(seen.payeeAt(99)).rejects.toMatchObject({ code: 'CHAIN_REJECTED', details: { revert: 'PayeeUnknown' } });
    expect(aside).toEqual(['is chain 5, not 31337']);
    mixed.destroy();
    const alone = new QuorumProvider([other.rpcUrl], 31_337n);
    await expect(reaching(() => alone.getBlock('latest'))).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE' });
    alone.destroy();
  });
});
