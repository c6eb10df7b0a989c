import { permit2Address, x402Proxies } from '#chain';
import { askChain } from '#local';
import { exactProxyCode, permit2Code, uptoProxyCode } from './x402-stands.js';

/** Places contracts that behave as Permit2 and x402's proxies do at their fixed addresses on a local chain. */
export async function placeX402(rpcUrl: string): Promise<void> {
  const code = { [permit2Address]: permit2Code, [x402Proxies.exact]: exactProxyCode, [x402Proxies.upto]: uptoProxyCode };
  for (const [address, bytes] of Object.entries(code)) await askChain(rpcUrl, 'anvil_setCode', [address, bytes]);
}
