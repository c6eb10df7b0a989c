import { computeAddress, getAddress } from 'ethers';
import { z } from 'zod';

const privateKey = z.string().regex(/^0x[0-9a-fA-F]{64}$/, 'a 32-byte hex private key');
const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/, 'a 20-byte hex address').transform((text) => getAddress(text.toLowerCase()));

/** JSON object {payer address: private key}; each key must be that address's. Gives a map by EIP-55 address. */
const payerKeys = z.string().transform((text, context) => {
  const parsed = z.record(address, privateKey).safeParse(jsonOf(text));
  // The message says nothing of the value: it holds keys.
  const wrong = !parsed.success || Object.entries(parsed.data).some(([payer, key]) => computeAddress(key) !== payer);
  if (!wrong) return new Map(Object.entries(parsed.data));
  context.addIssue({ code: 'custom', message: 'a JSON object of payer address to its private key' });
  return z.NEVER;
});

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Environment of the settlement service, beside what every service understands. */
export const settlementConfig = z.object({
  SETTLEMENT_RPC_URL: z.url(),
  SETTLEMENT_CHAIN_ID: z.coerce.number().int().positive(),
  SETTLEMENT_ESCROW: address,
  /** Block from which the escrow's events are read: the one that deployed it, or 0. */
  SETTLEMENT_START_BLOCK: z.coerce.number().int().nonnegative().default(0),
  /** Signs statements. Never logged. */
  SETTLEMENT_PAYER_KEYS: payerKeys.default(new Map()),
  /** Pays the gas of all transactions. Never logged. */
  SETTLEMENT_RELAYER_KEY: privateKey,
  /** How often an epoch runs for every payer; 0 = on demand only. */
  SETTLEMENT_EPOCH_MS: z.coerce.number().int().nonnegative().default(3_600_000),
  /** Where buyers without an account pay the operator by x402; nothing is sold so when left out. */
  X402_PAY_TO: address.optional(),
  /** Others whose payments the relayer also takes, at its own gas: addresses with commas between. */
  X402_RECIPIENTS: z
    .string()
    .default('')
    .transform((text) => text.split(',').map((part) => part.trim()).filter((part) => part !== ''))
    .pipe(z.array(address)),
  /** How long a payer's authorisation is asked to be good for: the request's own time and a block's. */
  X402_TIMEOUT_SECONDS: z.coerce.number().int().min(30).max(3_600).default(300),
  /** How often the chain is asked for news. */
  SETTLEMENT_POLL_MS: z.coerce.number().int().min(10).default(500),
});
export type SettlementConfig = z.output<typeof settlementConfig>;
