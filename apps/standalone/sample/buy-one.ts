import type { SampleContext } from './sample-context.js';

/** A request that a program with a wallet and no account bought. */
export interface Bought {
  readonly payer: string;
  readonly payTo: string;
  /** Base units of the token. */
  readonly amount: bigint;
  readonly tx: string;
  /** The record of the request, in the operator's own organisation. */
  readonly record: string;
  readonly dimensions: number;
}

/**
 * Buys one embedding with the official client of x402, as any agent would: it is told the price, signs it, and gets the answer with the payment's
 * transaction. The client is loaded here, since nothing else needs it. Error: the answer is none, or nothing was paid.
 */
export async function buyOne({ api, buyer }: Pick<SampleContext, 'api' | 'buyer'>, model: string): Promise<Bought> {
  const [{ wrapFetchWithPayment, x402Client, decodePaymentResponseHeader }, { ExactEvmScheme }, { privateKeyToAccount }] = await Promise.all([import('@x402/fetch'), import('@x402/evm/exact/client'), import('viem/accounts')]);
  const account = privateKeyToAccount(buyer.privateKey as `0x${string}`);
  const client = new x402Client().setSpendControls({ allowedAssets: [{ network: buyer.network as `${string}:${string}`, asset: buyer.asset, maxAmountPerPayment: buyer.most.toString() }] }).register('eip155:*', new ExactEvmScheme(account));
  let payTo = '';
  client.onAfterPaymentCreation((context) => {
    payTo = context.selectedRequirements.payTo;
    return Promise.resolve();
  });
  const response = await wrapFetchWithPayment(fetch, client)(`${api}/v1/embeddings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, input: 'What does a single sentence cost?' }),
  });
  if (response.status !== 200) throw new Error(`the request that was paid for was answered ${response.status}: ${(await response.text()).slice(0, 300)}`);
  const paid = decodePaymentResponseHeader(response.headers.get('payment-response') ?? '');
  const { data } = (await response.json()) as { data: { embedding: unknown }[] };
  const vector = data[0]?.embedding;
  const dimensions = Array.isArray(vector) ? vector.length : Buffer.from(String(vector), 'base64').length / 4;
  if (!paid.success || dimensions === 0) throw new Error(`the payment did not come: ${JSON.stringify(paid)}`);
  return { payer: account.address, payTo, amount: BigInt(paid.amount ?? '0'), tx: paid.transaction, record: response.headers.get('x-mizan-record') ?? '', dimensions };
}
