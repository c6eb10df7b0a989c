import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Wallet } from 'ethers';
import { sendCall, tokenCalls } from '#chain';
import { SystemClock, SystemIds } from '#kernel';
import { withClient } from '#local';
import { x402Calls } from '#protocol';
import type { FacilitatorRequest } from '#protocol';
import { anvilKeys, placeStand, setStand, startRpcProxy } from '#testing';
import type { RpcProxy } from '#testing';
import { until } from '../payouts/books-harness.js';
import { startSettlement } from '../payouts/settlement-harness.js';
import type { SettlementHarness } from '../payouts/settlement-harness.js';
import { paymentBy } from './payment-harness.js';

const tenant = '0198c0de-0000-7000-8000-0000000000f1';
const payTo = Wallet.createRandom().address;
const ids = new SystemIds(new SystemClock());
const seconds = 100_000;
/** `transferWithAuthorization` with a signature of any length: tokens have it for wallets that are contracts, the test dollar does not. */
const withBytes = '0xcf092995';

describe('who pays by x402', () => {
  const key = new Wallet(Wallet.createRandom().privateKey);
  const wallet = Wallet.createRandom().address;
  const listedKey = new Wallet(Wallet.createRandom().privateKey);
  const directory = mkdtempSync(join(tmpdir(), 'mizan-x402-payers-'));
  let proxy: RpcProxy;
  let harness: SettlementHarness;
  let lists = 0;

  /** Remarks make each list another length, for files of one moment are told apart by it. */
  const list = (addresses: readonly string[]): void => writeFileSync(join(directory, 'list.txt'), [`#${'.'.repeat((lists += 1))}`, listedKey.address, ...addresses, ''].join('\n'));
  const settings = (more: Record<string, string>) => ({ SETTLEMENT_RPC_URL: proxy.url, X402_PAY_TO: payTo, SETTLEMENT_SCREENING_LIST: join(directory, 'list.txt'), ...more });

  beforeAll(async () => {
    list([]);
    harness = await startSettlement([], async ({ rpcUrl, token }) => {
      proxy = await startRpcProxy(() => rpcUrl);
      proxy.twist = ({ method, params }) => (method === 'eth_call' && (params[0] as { data?: string }).data?.startsWith(withBytes) === true ? '0x' : undefined);
      await placeStand(rpcUrl, 'wallet', wallet);
      await setStand(rpcUrl, 'wallet', wallet, [key.address]);
      const authorisation = { token, jurisdictions: ['DE'], issuer: 'Test issuer', authority: 'Test authority', regime: 'e-money token', reference: 'T-1', date: '2026-01-01' };
      writeFileSync(join(directory, 'tokens.json'), JSON.stringify([authorisation]));
      return settings({ SETTLEMENT_TOKEN_AUTHORISATIONS: join(directory, 'tokens.json'), X402_PAYER_JURISDICTION: 'DE' });
    });
    for (const address of [key.address, wallet, listedKey.address]) await sendCall(new Wallet(anvilKeys[2], harness.provider), harness.token, tokenCalls.mint(address, 100n));
  });

  afterAll(async () => {
    await harness.stop();
    await proxy.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const by = (signer: Wallet, from = signer.address): Promise<FacilitatorRequest> => paymentBy(signer, { token: harness.token, payTo, from, seconds });
  const claimed = async (payment: FacilitatorRequest): Promise<string | null> =>
    (await harness.caller.call(x402Calls.claim, { ...payment, tenant, record: ids.uuid(), requestHash: 'ab'.repeat(32), untilMs: Date.now() + 60_000 })).invalidReason;
  const sent = (): number => proxy.asked.filter(({ method }) => method === 'eth_sendRawTransaction').length;

  it('is looked up before anything is set aside or sent: the payer itself, and of a wallet that is a contract the wallet as well as the key that signed', async () => {
    expect(await claimed(await by(listedKey))).toBe('payer_sanctioned');
    list([wallet]);
    expect(await claimed(await by(key, wallet))).toBe('payer_sanctioned');
    list([key.address]);
    expect(await claimed(await by(key, wallet))).toBe('payer_sanctioned');
    const refused = await harness.caller.call(x402Calls.settle, { ...(await by(key, wallet)), tenant });
    expect(refused).toMatchObject({ success: false, errorReason: 'payer_sanctioned', transaction: '' });
    expect([sent(), await withClient(harness.database.adminUrl, async (client) => (await client.query('SELECT 1 FROM settlement.x402_payments')).rowCount)]).toEqual([0, 0]);
    list([]);
    expect(await claimed(await by(key, wallet))).toBeNull();
  });

  it('is not believed to be a wallet that did not sign, whoever is listed', async () => {
    expect(await claimed(await by(listedKey, wallet))).toBe('invalid_exact_evm_signature');
  });

  it('is taken to be of the place that the operator names; the sale’s record says so', async () => {
    const payment = await by(key);
    const record = ids.uuid();
    const { payment: id } = await harness.caller.call(x402Calls.claim, { ...payment, tenant, record, requestHash: 'ab'.repeat(32), untilMs: Date.now() + 60_000 });
    await harness.caller.call(x402Calls.collect, { payment: id, amount: 7n });
    const sold = () => harness.records.find((each) => each.id === record && each.type === 'x402.settled');
    await until(() => sold() !== undefined);
    expect(sold()!.fields).toMatchObject({ payer: key.address, jurisdiction: 'DE' });
  });

  it.each([
    ['none is named', {}],
    ['it is one for which no authorisation is on file', { X402_PAYER_JURISDICTION: 'FR' }],
  ])('sells and takes nothing where the token’s rules need a place and %s', async (_, named) => {
    const authorisations = (token: string): string => {
      writeFileSync(join(directory, 'others.json'), JSON.stringify([{ token, jurisdictions: ['DE'], issuer: 'Test issuer', authority: 'Test authority', regime: 'e-money token', reference: 'T-1', date: '2026-01-01' }]));
      return join(directory, 'others.json');
    };
    const other = await startSettlement([], ({ token }) => ({ X402_PAY_TO: payTo, SETTLEMENT_TOKEN_AUTHORISATIONS: authorisations(token), ...named }));
    try {
      expect(await other.caller.call(x402Calls.terms, {})).toEqual({ terms: null, isPaused: false });
      await sendCall(new Wallet(anvilKeys[2], other.provider), other.token, tokenCalls.mint(key.address, 100n));
      const payment = await paymentBy(key, { token: other.token, payTo, seconds });
      expect(await other.caller.call(x402Calls.verify, payment)).toMatchObject({ isValid: false, invalidReason: 'payer_jurisdiction_not_allowed' });
    } finally {
      await other.stop();
    }
  });
});
