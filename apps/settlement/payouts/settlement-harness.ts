import { Wallet } from 'ethers';
import type { JsonRpcProvider } from 'ethers';
import { connect, deployEscrow, deployTestDollar, Escrow } from '#chain';
import { Bus, Caller } from '#messaging';
import { recordCommit } from '#protocol';
import type { LogRecord } from '#protocol';
import { migrate, runService } from '#service';
import { anvilKeys, createTestDatabase, keepMining, mine, startAnvil, testNats } from '#testing';
import type { TestDatabase } from '#testing';
import { settlement } from '../settlement.service-definition.js';
import { Books } from './books-harness.js';

/** A chain with an escrow over the test dollar, whose blocks come by themselves. */
export interface Place {
  readonly rpcUrl: string;
  readonly provider: JsonRpcProvider;
  readonly token: string;
  readonly escrow: Escrow;
}

/** The service as it runs, between such a chain and a stand-in for the books. */
export interface SettlementHarness extends Place {
  readonly database: TestDatabase;
  /** The books' own, which may do everything. */
  readonly bus: Bus;
  /** Asks as a gateway does. */
  readonly caller: Caller;
  readonly books: Books;
  /** What the service told the log. */
  readonly records: readonly LogRecord[];
  stop(): Promise<void>;
}

/** `owing` are the tenants that owe what the books say; `settingsFor` gives more settings once the chain is there. Whatever was started ends when something cannot be. */
export async function startSettlement(owing: readonly string[], settingsFor: (place: Place) => Promise<Record<string, string>> | Record<string, string>): Promise<SettlementHarness> {
  const ends: (() => unknown)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    const [anvil, database, nats] = await Promise.all([startAnvil(), createTestDatabase({ service: 'settlement' }), testNats()]);
    ends.push(() => anvil.stop(), () => nats.stop(), () => database.drop());
    await migrate(settlement, database.ownerUrl);
    const { rpcUrl } = anvil;
    const provider = connect(rpcUrl, 31_337n);
    ends.push(() => provider.destroy());
    const deployer = new Wallet(anvilKeys[0], provider);
    const token = await deployTestDollar(deployer);
    const escrow = new Escrow(await deployEscrow(deployer, { token, unit: 1n, thawSeconds: 60n }), provider);
    const place = { rpcUrl, provider, token, escrow };
    const settings = await settingsFor(place);
    await mine(rpcUrl);
    const mining = keepMining(rpcUrl);
    ends.push(() => mining.stop());
    const everything = await nats.credentialsWith('books', { publish: ['>'], subscribe: ['>'], responses: true });
    const [bus, gateway] = await Promise.all([Bus.connect({ url: nats.url, creds: everything, name: 'billing' }), Bus.connect({ url: nats.url, creds: nats.credentials.gateway, name: 'gateway' })]);
    ends.push(() => Promise.all([bus.close(), gateway.close()]));
    const books = new Books(bus, owing);
    const records: LogRecord[] = [];
    bus.connection.subscribe('mizan.record.settlement', { callback: (_error, message) => void records.push(...recordCommit.parse(message.json()).records) });
    const service = await runService(settlement, {
      NATS_URL: nats.url, NATS_CREDS: nats.credentialFiles.settlement, DATABASE_URL: database.url, LOG_LEVEL: 'fatal',
      SETTLEMENT_RPC_URL: rpcUrl, SETTLEMENT_CHAIN_ID: '31337', SETTLEMENT_ESCROW: escrow.address, SETTLEMENT_RELAYER_KEY: anvilKeys[3],
      SETTLEMENT_EPOCH_MS: '0', SETTLEMENT_POLL_MS: '50', SETTLEMENT_EXPOSURE_MS: '100', ...settings,
    });
    ends.push(() => service.stop());
    return { ...place, database, bus, caller: new Caller(gateway), books, records, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
