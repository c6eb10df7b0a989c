import { royaltyCalls } from '#protocol';
import { eventually, inParallel } from './sample-api.js';
import type { SampleApi } from './sample-api.js';
import type { SampleContext } from './sample-context.js';

/** Gives the operator and the owner of the data their shares of what requests cost; they are payees like any machine. Errors: the API's. */
export async function shareEarnings(admin: SampleApi, { tenant, sharers }: Pick<SampleContext, 'tenant' | 'sharers'>, records: readonly string[]): Promise<{ nanos: bigint }> {
  const shares = sharers.map(({ name, address, basisPoints }) => ({ dataset: name, owner: address, basisPoints }));
  // A charge may be on its way to the books yet, and so may its receipt.
  const noted = await inParallel(records, 8, (record) => eventually(`the shares of ${record}`, () => admin.post('/v1/royalties', { record, tenant, use: 'classification', shares }, royaltyCalls.note.reply)));
  return { nanos: noted.flatMap(({ lines }) => lines).reduce((sum, { amountNanos }) => sum + amountNanos, 0n) };
}
