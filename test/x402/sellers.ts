import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HTTPFacilitatorClient } from '@x402/core/server';
import { ExactEvmScheme } from '@x402/evm/exact/server';
import { UptoEvmScheme } from '@x402/evm/upto/server';
import { paymentMiddleware, setSettlementOverrides, x402ResourceServer } from '@x402/express';
import express from 'express';
import { paymentPayload } from '#protocol';
import type { SettleResponse } from '#protocol';
import { answer, network, payTo } from './x402-shop.js';
import type { Shop } from './x402-shop.js';

/** Units that sellers ask for a request. */
export const price = 10n;
const domain = { name: 'Mizan Test Dollar', version: '1' };

interface Selling {
  readonly url: string;
  close(): Promise<void>;
}

async function serve(server: Server): Promise<Selling> {
  if (!server.listening) await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Sells embeddings with the official server package, unchanged: `exact` at the root, `upto` (half of what is signed for) below `/upto`. */
export async function officialSeller(shop: Shop, key: string, runs: () => number): Promise<Selling> {
  const headers = { authorization: `Bearer ${key}` };
  const facilitator = new HTTPFacilitatorClient({ url: `${shop.gateway.url}/v1/x402`, createAuthHeaders: () => Promise.resolve({ verify: headers, settle: headers, supported: headers }) });
  const way = (scheme: string) => ({ accepts: { scheme, network: network as `${string}:${string}`, payTo, price: { asset: shop.token.address, amount: price.toString(), extra: domain }, maxTimeoutSeconds: 60 } });
  const app = express();
  app.get('/v1/models', (_request, response) => void response.json({ data: [{ id: 'embed' }] }));
  app.use(paymentMiddleware({ 'POST /v1/embeddings': way('exact'), 'POST /upto/v1/embeddings': way('upto') }, new x402ResourceServer(facilitator).register(network, new ExactEvmScheme()).register(network, new UptoEvmScheme())));
  app.post('/v1/embeddings', (_request, response) => void response.status(runs()).json(answer));
  app.post('/upto/v1/embeddings', (_request, response) => {
    setSettlementOverrides(response, { amount: (price / 2n).toString() });
    response.json(answer);
  });
  return serve(app.listen(0, '127.0.0.1'));
}

/** What a seller does with a request that carries a payment. `take`: has the facilitator take it. */
export type Conduct = (paid: { take(): Promise<SettleResponse>; respond(status: number, settled?: Partial<SettleResponse> | null): void; ask(change?: object): void; response: ServerResponse }) => Promise<void> | void;

/** A seller of any character. */
export class Seller {
  /** Payments as they came, in order. */
  readonly payments: string[] = [];
  asks: Record<string, unknown>;

  private constructor(
    private readonly shop: Shop,
    private readonly key: string,
    private readonly selling: Selling,
    public conduct: Conduct,
  ) {
    this.asks = { scheme: 'exact', network, amount: price.toString(), asset: shop.token.address, payTo, maxTimeoutSeconds: 60, extra: domain };
  }

  static async open(shop: Shop, key: string, conduct: Conduct): Promise<Seller> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    const seller = new Seller(shop, key, await serve(server), conduct);
    server.on('request', (request, response) => void seller.serve(request, response));
    return seller;
  }

  get url(): string {
    return this.selling.url;
  }

  get host(): string {
    return new URL(this.url).host;
  }

  close(): Promise<void> {
    return this.selling.close();
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for await (const _ of request);
    const header = request.headers['payment-signature'];
    const ask = (change: object = {}): void => {
      const asked = { x402Version: 2, error: 'payment required', resource: { url: `${this.url}/v1/embeddings` }, accepts: [{ ...this.asks, ...change }] };
      response.writeHead(402, { 'payment-required': Buffer.from(JSON.stringify(asked)).toString('base64') }).end('{}');
    };
    if (typeof header !== 'string') return ask();
    this.payments.push(header);
    const respond = (status: number, settled: Partial<SettleResponse> | null = null): void => {
      const more = settled === null ? {} : { 'payment-response': Buffer.from(JSON.stringify(settled)).toString('base64') };
      response.writeHead(status, { 'content-type': 'application/json', ...more }).end(JSON.stringify(status === 200 ? answer : { error: { message: 'it fell over' } }));
    };
    await this.conduct({ take: () => this.take(header), respond, ask, response });
  }

  private async take(header: string): Promise<SettleResponse> {
    const paid = paymentPayload.parse(JSON.parse(Buffer.from(header, 'base64').toString('utf8')));
    const body = JSON.stringify({ x402Version: 2, paymentPayload: paid, paymentRequirements: paid.accepted });
    const response = await fetch(`${this.shop.gateway.url}/v1/x402/settle`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${this.key}` }, body });
    return (await response.json()) as SettleResponse;
  }
}
