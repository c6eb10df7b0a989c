import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { getAddress, Interface, toBeHex, Wallet, ZeroHash } from 'ethers';
import { connect, deployEscrow, deployTestDollar, Escrow, escrowCalls, listHash, packList, payeesPerStatementMax, sendCall, signStatement, tokenCalls, unpackList, verifyStatement } from '#chain';
import type { EpochStatement } from '#chain';
import { escrowAbi } from '#protocol';
import { anvilKeys, startAnvil } from '#testing';
import type { Anvil } from '#testing';
import { statementFor } from '../../../apps/settlement/epochs/statement.js';
import { drawStatement, mostOwed } from '../../../apps/billing/payables/statement.js';
import { parRate } from '../../../apps/settlement/conversions/rate.js';
import type { Draw, FinalView } from '../../../apps/settlement/epochs/statement.js';
import { blockMs, dueToMined, stepNames } from './due-to-mined.js';

jest.setTimeout(240_000);

/** One epoch: so many receipts, netted to so many payees. */
const receipts = 10_000n;
const payees = 200;
const epochs = 30;
const statementPayees = 100_000;
const statementPayers = 12;
const [duePayers, dueEpochs] = [8, 15];

interface Row {
  readonly measure: string;
  readonly value: number;
  readonly goal: number;
  readonly met: boolean;
}
const rows: Row[] = [];
const add = (measure: string, value: number, goal: number): void => void rows.push({ measure, value, goal, met: value <= goal });

const percentile = (values: readonly number[], share: number): number => [...values].sort((a, b) => a - b)[Math.ceil(values.length * share) - 1]!;

const addressOf = (index: number): string => getAddress(toBeHex(0x10_0000 + index, 20));
const payer = { owner: anvilKeys[1], delegated: anvilKeys[2] };
const hot = anvilKeys[3];

/** Gas of whole transactions, from the receipts of a real chain; the token is the test dollar, without a proxy. */
describe('settlement', () => {
  let anvil: Anvil;
  let escrow: Escrow;
  let token: string;
  let relayer: Wallet;
  const wallets = new Map<string, Wallet>();
  const orders = new Interface(escrowAbi);

  beforeAll(async () => {
    anvil = await startAnvil();
    const provider = connect(anvil.rpcUrl, 31_337n);
    provider.pollingInterval = 10;
    for (const key of anvilKeys) wallets.set(key, new Wallet(key, provider));
    relayer = wallets.get(anvilKeys[0])!;
    token = await deployTestDollar(relayer);
    escrow = new Escrow(await deployEscrow(relayer, { token, unit: 1n, thawSeconds: 60n }), provider);
    for (let index = 0; index < payees; index++) await sendCall(relayer, escrow.address, escrowCalls.register(addressOf(index)));
    const delegated = wallets.get(payer.delegated)!;
    const order = (name: string, args: unknown[]): Promise<unknown> => sendCall(delegated, escrow.address, orders.encodeFunctionData(name, args));
    await order('addDelegate', [wallets.get(hot)!.address]);
    await order('setLimits', [2n ** 64n - 1n, 0]);
    await order('allowPayees', [0, 2n ** 256n - 1n]);
  });

  afterAll(async () => {
    relayer.provider?.destroy();
    await anvil.stop();
    mkdirSync('.mizan/bench', { recursive: true });
    writeFileSync('.mizan/bench/settlement.json', `${JSON.stringify({ cpu: `${cpus().length} × ${cpus()[0]?.model ?? ''}`, node: process.version, receipts: Number(receipts), payees, rows }, null, 2)}\n`);
    const figure = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 1 });
    console.log(['| measure | goal | measured | met |', '|---|---|---|---|', ...rows.map(({ measure, value, goal, met }) => `| ${measure} | ≤ ${figure(goal)} | ${figure(value)} | ${met ? 'yes' : '**no**'} |`)].join('\n'));
  });

  async function authorised(key: string, units: bigint, nonce: bigint): Promise<bigint> {
    const wallet = wallets.get(key)!;
    const domain = { name: 'Mizan Test Dollar', version: '1', chainId: 31_337n, verifyingContract: token };
    const fields = ['from:address', 'to:address', 'value:uint256', 'validAfter:uint256', 'validBefore:uint256', 'nonce:bytes32'].map((field) => ({ name: field.split(':')[0]!, type: field.split(':')[1]! }));
    const message = { from: wallet.address, to: escrow.address, value: units, validAfter: 0n, validBefore: 2n ** 40n, nonce: toBeHex(nonce, 32) };
    const signature = await wallet.signTypedData(domain, { ReceiveWithAuthorization: fields }, message);
    const [r, s, v] = [signature.slice(0, 66), `0x${signature.slice(66, 130)}`, Number.parseInt(signature.slice(130), 16)];
    return (await sendCall(relayer, escrow.address, orders.encodeFunctionData('depositWithAuthorization', [wallet.address, units, 0n, 2n ** 40n, message.nonce, v, r, s]))).gasUsed;
  }

  it('takes deposits by EIP-3009', async () => {
    const gas: bigint[] = [];
    for (const key of [payer.owner, payer.delegated]) {
      await sendCall(relayer, token, tokenCalls.mint(wallets.get(key)!.address, 3_000_000_000n));
      for (const nonce of [1n, 2n]) gas.push(await authorised(key, 1_000_000_000n, nonce));
    }
    add('gas of a deposit by EIP-3009, first', Number(gas[2]), 118_000);
    add('gas of a deposit by EIP-3009, later', Number(gas[3]), 84_000);
    expect(await escrow.payer(wallets.get(payer.owner)!.address)).toMatchObject({ available: 2_000_000_000n });
  });

  for (const [who, key, signer, goals] of [
    ['owner', payer.owner, payer.owner, [45, 1_850, 55]],
    ['delegate', payer.delegated, hot, [47, 1_900, 58]],
  ] as const) {
    it(`settles a month of epochs signed by the ${who}`, async () => {
      const account = wallets.get(key)!.address;
      const { hash } = await escrow.registry();
      const settle = async (epoch: number, named: number): Promise<bigint> => {
        const credits = Array.from({ length: named }, (_, index) => ({ index, cumulative: BigInt(1_000_000 + epoch * 1_000 + index) }));
        const before = (await escrow.payer(account)).cumulativeTotal;
        const total = named === 0 ? before : credits.reduce((sum, { cumulative }) => sum + cumulative, 0n);
        const list = packList(credits);
        const statement = { payer: account, epoch: BigInt(epoch), listHash: listHash(list), cumulativeTotal: total, registryHash: hash, auditRoot: toBeHex(epoch, 32).replaceAll('00', 'ab'), auditSize: BigInt(epoch * 10_000), validUntil: 4_000_000_000n };
        const signature = signStatement(statement, { chainId: 31_337n, escrow: escrow.address }, signer);
        // An estimate in the second of the statement before finds the delegate's clock written already, and is too low.
        const sent = await relayer.sendTransaction({ to: escrow.address, data: escrowCalls.settle(statement, list, signature), gasLimit: 2_000_000n });
        return (await sent.wait(1))!.gasUsed;
      };
      const push = (): Promise<{ gasUsed: bigint }> => sendCall(relayer, escrow.address, escrowCalls.pushMany([account], Array.from({ length: payees }, (_, index) => index)));
      await settle(1, payees);
      await push();
      await settle(2, 0);
      const nobody = await settle(3, 0);
      const gas: bigint[] = [];
      for (let epoch = 4; epoch < 4 + epochs; epoch++) gas.push(await settle(epoch, payees));
      const payout = (await push()).gasUsed;
      const month = gas.reduce((sum, each) => sum + each, payout);
      add(`gas per receipt, ${receipts} receipts over ${payees} payees, steady, anchor included: ${who}`, Number(gas[0]) / Number(receipts), goals[0]);
      add(`marginal gas per payee and epoch, ${payees} payees: ${who}`, Number(gas[0]! - nobody) / payees, goals[1]);
      add(`gas per receipt over a month of ${epochs} epochs and one bulk payout: ${who}`, Number(month) / (epochs * Number(receipts)), goals[2]);
    });
  }

  it('builds and signs the statements of many payees, each that fits a transaction, in consecutive epochs', () => {
    const each = Math.ceil(statementPayees / statementPayers);
    const addresses = Array.from({ length: each }, (_, index) => addressOf(index));
    const payers = Array.from({ length: statementPayers }, (_, number) => {
      const key = toBeHex(number + 1, 32);
      return { key, address: new Wallet(key).address, owed: addresses.map((payee) => ({ payee: payee.toLowerCase(), owedNanos: 5_500n, cumulativeUnits: 1_000_000n })) };
    });
    const numberOf = new Map(addresses.map((payee, index) => [payee.toLowerCase(), index]));
    const domain = { chainId: 31_337n, escrow: escrow.address };
    const audit = { root: `0x${'ab'.repeat(32)}`, size: 9 };
    const signed: { statement: EpochStatement; signature: string; list: string }[] = [];
    const rate = parRate({ unit: 1n, decimals: 6 }, 0);
    const started = performance.now();
    for (const { key, address, owed } of payers) {
      const credits = new Map(owed.map((_, index) => [index, 1_000_000n]));
      let cumulativeTotal = 1_000_000n * BigInt(each);
      for (let epoch = 1n, rest = owed; rest.length > 0; epoch++) {
        const drawn = drawStatement(String(epoch), 't', mostOwed(rest, rate, payeesPerStatementMax), rate, cumulativeTotal)!;
        const draw: Draw = { ...drawn, payer: address, payees: drawn.lines };
        const indices = new Map(drawn.lines.map(({ payee }) => [payee, numberOf.get(payee)!]));
        const view: FinalView = { payer: { available: 10n ** 12n, cumulativeTotal, epoch, auditSize: 1n, auditRoot: ZeroHash, thawing: 0n, thawEndsAt: 0n }, registryHash: `0x${'cd'.repeat(32)}`, indices, credits };
        const { statement, list } = statementFor(draw, view, audit, epoch, 1_000)!;
        signed.push({ statement, list, signature: signStatement(statement, domain, key) });
        cumulativeTotal = statement.cumulativeTotal;
        const paid = new Set(drawn.lines.map(({ payee }) => payee));
        rest = rest.filter(({ payee }) => !paid.has(payee));
      }
    }
    add(`seconds to build and sign ${signed.length} statements for ${statementPayees} payees over ${statementPayers} payers, at most ${payeesPerStatementMax} payees each`, (performance.now() - started) / 1_000, 10);
    expect(signed.reduce((sum, { list }) => sum + unpackList(list).length, 0)).toBe(each * statementPayers);
    expect(signed.every(({ statement, signature }) => verifyStatement(statement, domain, signature))).toBe(true);
  });

  it('has a statement in a block soon after it is due', async () => {
    const ways = await dueToMined(duePayers, dueEpochs);
    expect(ways).toHaveLength(duePayers * dueEpochs);
    const blocksAt = (share: number): number => percentile(ways.map(({ tookMs }) => tookMs), share) / blockMs;
    console.log(`due to mined, blocks: p50 ${blocksAt(0.5).toFixed(2)}, p99 ${blocksAt(0.99).toFixed(2)}, most ${blocksAt(1).toFixed(2)}`);
    const steps = stepNames.map((name, at) => `${name} ${[0.5, 0.99].map((share) => percentile(ways.map(({ steps }) => steps[at]!), share).toFixed(0)).join(' / ')}`);
    console.log(`the steps of it, p50 / p99 in ms: ${steps.join(', ')}`);
    add(`block times from a due statement to its block, p99 of ${ways.length} epochs of ${duePayers} payers`, blocksAt(0.99), 2);
  });

  it('lets a payee withdraw by itself', async () => {
    const payee = wallets.get(anvilKeys[4])!;
    await sendCall(relayer, escrow.address, escrowCalls.register(payee.address));
    const [index, { hash }] = [(await escrow.indexOf(payee.address))!, await escrow.registry()];
    const account = wallets.get(payer.owner)!.address;
    let gas = 0n;
    for (const epoch of [101n, 102n]) {
      const { cumulativeTotal } = await escrow.payer(account);
      const list = packList([{ index, cumulative: epoch * 1_000n }]);
      const rise = epoch * 1_000n - (await escrow.credit(account, index)).cumulative;
      const statement = { payer: account, epoch, listHash: listHash(list), cumulativeTotal: cumulativeTotal + rise, registryHash: hash, auditRoot: ZeroHash, auditSize: 10n ** 6n + epoch, validUntil: 4_000_000_000n };
      await sendCall(relayer, escrow.address, escrowCalls.settle(statement, list, signStatement(statement, { chainId: 31_337n, escrow: escrow.address }, payer.owner)));
      gas = (await sendCall(payee, escrow.address, escrowCalls.withdraw([account], index, payee.address))).gasUsed;
    }
    add("gas of a payee's own withdrawal after its first", Number(gas), 68_000);
  });
});
