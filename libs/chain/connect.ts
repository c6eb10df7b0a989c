import { FetchRequest, JsonRpcProvider, Network } from 'ethers';

/** Longest wait for one answer of the endpoint, in milliseconds. */
const requestMs = 5_000;
/** How often a waiting provider looks for a block; a local chain answers in a millisecond. */
const pollingMs = 250;

/**
 * A provider that asks each question when it is asked: no cached answers, no batches, no network detection. Close it with
 * `destroy()`. An endpoint that is down makes each call fail; see {@link reaching}.
 */
export function connect(rpcUrl: string, chainId: bigint): JsonRpcProvider {
  const request = new FetchRequest(rpcUrl);
  request.timeout = requestMs;
  const network = Network.from(chainId);
  return new JsonRpcProvider(request, network, { staticNetwork: network, cacheTimeout: -1, batchMaxCount: 1, polling: true, pollingInterval: pollingMs });
}
