import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Wallet } from 'ethers';
import { ExactEvmScheme } from '@x402/evm/exact/client';
import { UptoEvmScheme } from '@x402/evm/upto/client';
import { wrapFetchWithPayment, x402Client, x402HTTPClient } from '@x402/fetch';
import { privateKeyToAccount } from 'viem/accounts';
import { eventually, GatewayStack } from '../../apps/gateway/gateway-harness.js';
import { settlement } from '../../apps/settlement/settlement.service-definition.js';
import { connect, deployEscrow, deployTestDollar, permit2Address, sendCall, Token, tokenCalls } from '#chain';
import { Bus } from '#messaging';
import { recordCommit, x402Events } from '#protocol';
import type { LogRecord, PayloadOf } from '#protocol';
import { migrate, runService } from '#service';
import type { RunningService } from '#service';
import { anvilKeys, createTestDatabase, mine, placeX402, startAnvil, testNats } from '#testing';
import type { Anvil, TestDatabase, TestNats } from '#testing';
import type { NodeJobOutput } from '#wire';

export const network = 'eip155:31337';
/** A dollar for a million tokens of input: a buyer's base unit is a token. */
const dollarPerMillion = 1_000_000_000n;
export const payTo = Wallet.createRandom().address;
/** A list is none without an address. */
const somebodyListed = Wallet.createRandom().address;

export const answer = { object: 'list', data: [{ object: 'embedding', index: 0, embedding: [0.25, -0.5] }], model: 'embed', usage: { prompt_tokens: 5, total_tokens: 5 } };

/** A gateway that sells requests, its settlement service, a chain, and a machine whose behaviour a test decides. */
export class Shop {
  readonly sold: PayloadOf<typeof x402Events.settled>[] = [];
  /** Entries of the log about payments that were refused, and the events of the same. */
  readonly refusals: LogRecord[] = [];
  readonly refused: PayloadOf<typeof x402Events.refused>[] = [];
  ran = 0;
  /** What the machine does next. */
  work: () => Promise<NodeJobOutput> = () => Promise.resolve(ok());
  private ticking: NodeJS.Timeout | undefined;
  private lists = 0;

  private constructor(
    readonly anvil: Anvil,
    readonly database: TestDatabase,
    readonly nats: TestNats,
    readonly settlement: RunningService,
    readonly gateway: GatewayStack,
    readonly token: Token,
    private readonly bus: Bus,
    private readonly deployer: Wallet,
    private readonly directory: string,
  ) {}

  /** `settings`: more of settlement's; `asked`: what who asks without a payment is answered once the shop is open. */
  static async open(settings: Record<string, string> = {}, asked = 402): Promise<Shop> {
    const directory = mkdtempSync(join(tmpdir(), 'mizan-x402-'));
    const list = join(directory, 'list.txt');
    writeFileSync(list, `${somebodyListed}\n`);
    const [anvil, database, nats] = await Promise.all([startAnvil(), createTestDatabase({ service: 'settlement' }), testNats()]);
    await migrate(settlement, database.ownerUrl);
    const provider = connect(anvil.rpcUrl, 31_337n);
    const deployer = new Wallet(anvilKeys[1], provider);
    const token = new Token(await deployTestDollar(deployer), provider);
    const escrow = await deployEscrow(deployer, { token: token.address, unit: 1n, thawSeconds: 60n });
    await placeX402(anvil.rpcUrl);
    const taker = await runService(settlement, {
      NATS_URL: nats.url,
      NATS_CREDS: nats.credentialFiles.settlement,
      DATABASE_URL: database.url,
      LOG_LEVEL: 'fatal',
      SETTLEMENT_RPC_URL: anvil.rpcUrl,
      SETTLEMENT_CHAIN_ID: '31337',
      SETTLEMENT_ESCROW: escrow,
      SETTLEMENT_RELAYER_KEY: anvilKeys[0],
      SETTLEMENT_EPOCH_MS: '0',
      SETTLEMENT_POLL_MS: '50',
      X402_PAY_TO: payTo,
      SETTLEMENT_SCREENING_LIST: list,
      ...settings,
    });
    const gateway = await GatewayStack.start(nats, { X402_KEY: `mzn_${'operator'.padEnd(40, '0')}`, TRUSTED_PROXIES: '127.0.0.1' });
    const everything = await nats.credentialsWith('books', { publish: ['>'], subscribe: ['>'], responses: true });
    const shop = new Shop(anvil, database, nats, taker, gateway, token, await Bus.connect({ url: nats.url, creds: everything, name: 'billing' }), deployer, directory);
    await shop.listen(asked);
    return shop;
  }

  async close(): Promise<void> {
    clearInterval(this.ticking);
    await this.gateway.stop();
    await this.settlement.stop();
    await this.bus.close();
    await Promise.all([this.nats.stop(), this.database.drop(), this.anvil.stop()]);
    rmSync(this.directory, { recursive: true, force: true });
  }

  get url(): string {
    return `${this.gateway.url}/v1/embeddings`;
  }

  post(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(this.url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  }

  /** A buyer of its own with so many base units, as the official client drives it. */
  async buyer(units: bigint, approved = false): Promise<Buyer> {
    const wallet = Wallet.createRandom();
    await sendCall(this.deployer, this.token.address, tokenCalls.mint(wallet.address, units));
    if (approved) {
      await fuel(this.deployer, wallet.address);
      await sendCall(new Wallet(wallet.privateKey, this.deployer.provider), this.token.address, tokenCalls.approve(permit2Address, 2n ** 256n - 1n));
    }
    return new Buyer(wallet.privateKey);
  }

  /** Who is under sanctions from the next look on. Remarks make each list another length, for files of one moment are told apart by it. */
  list(addresses: readonly string[]): void {
    this.lists += 1;
    writeFileSync(join(this.directory, 'list.txt'), [`#${'.'.repeat(this.lists)}`, somebodyListed, ...addresses, ''].join('\n'));
  }

  paid(): Promise<bigint> {
    return this.token.balanceOf(payTo);
  }

  private async listen(asked: number): Promise<void> {
    this.bus.connection.subscribe(x402Events.settled.subject, { callback: (_error, message) => void this.sold.push(x402Events.settled.payload.parse(message.json())) });
    this.bus.connection.subscribe(x402Events.refused.subject, { callback: (_error, message) => void this.refused.push(x402Events.refused.payload.parse(message.json())) });
    this.bus.connection.subscribe('mizan.record.settlement', { callback: (_error, message) => void this.refusals.push(...recordCommit.parse(message.json()).records.filter(({ type }) => type === 'x402.refused')) });
    await this.gateway.key('operator');
    await this.gateway.node(1, () => ((this.ran += 1), this.work()), { model: 'embed', capacity: 50 }, dollarPerMillion);
    this.ticking = setInterval(() => void mine(this.anvil.rpcUrl, 1).catch(() => undefined), 150);
    await eventually(async () => (await this.post({ model: 'embed', input: 'a' })).status === asked);
  }
}

/** For the gas of its approval; buying needs none. */
const fuel = async (from: Wallet, to: string): Promise<void> => void (await (await from.sendTransaction({ to, value: 10n ** 18n })).wait());

/** What the machine says when all goes well: it counted five tokens. */
export const ok = (): NodeJobOutput => ({ status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify(answer)), usage: { inputTokens: 5, outputTokens: 0 } });

/** Somebody with a wallet and no account, with the official client. */
export class Buyer {
  readonly account;
  /** The last request as it was sent with its payment. */
  last: { headers: Record<string, string>; body: string } | undefined;
  private readonly client: x402Client;

  constructor(readonly key: string) {
    this.account = privateKeyToAccount(key as `0x${string}`);
    this.client = new x402Client().setSpendControls(false).register('eip155:*', new ExactEvmScheme(this.account)).register('eip155:*', new UptoEvmScheme(this.account));
  }

  /** Which of the offered ways it takes. */
  by(method: 'eip3009' | 'permit2' | 'upto'): this {
    this.client.registerPolicy((_version, ways) => ways.filter(({ scheme, extra }) => (method === 'upto' ? scheme === 'upto' : scheme === 'exact' && (extra?.['assetTransferMethod'] === 'permit2') === (method === 'permit2'))));
    return this;
  }

  readonly fetch: typeof globalThis.fetch = (input, init) =>
    wrapFetchWithPayment(async (...args: Parameters<typeof fetch>) => {
      const request = new Request(...args);
      const copy = request.clone();
      this.last = { headers: Object.fromEntries(copy.headers), body: await copy.text() };
      return fetch(request);
    }, this.client)(input, init);

  buy(url: string, body: unknown): Promise<Response> {
    return this.fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  }

  /** The header of a payment for what a server asked. */
  async sign(asking: Response, change: (way: Record<string, unknown>) => Record<string, unknown> = (way) => way): Promise<Record<string, string>> {
    const http = new x402HTTPClient(this.client);
    const required = http.getPaymentRequiredResponse((name) => asking.headers.get(name));
    const accepts = required.accepts.map((way) => change(way as unknown as Record<string, unknown>)) as unknown as typeof required.accepts;
    return http.encodePaymentSignatureHeader(await http.createPaymentPayload({ ...required, accepts }));
  }
}
