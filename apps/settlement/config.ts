import { computeAddress, getAddress } from 'ethers';
import { z } from 'zod';
import { chainNamed, keyReference, knownChains, payeesPerStatementMax, rulesOf } from '#chain';
import { dollars, jurisdiction } from '#protocol';
import { rateSettings } from './conversions/rate-setting.js';

const key = z.string().regex(keyReference, 'a 32-byte hex private key, keystore:<file> or kms:<key>');
const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/, 'a 20-byte hex address').transform((text) => getAddress(text.toLowerCase()));

/** JSON object {payer address: key}. A key in hex is looked at here, others when they are opened. Gives a map by EIP-55 address. */
const keysByPayer = (what: string, isRight: (payer: string, signer: string) => boolean) =>
  z.string().transform((text, context) => {
    const parsed = z.record(address, key).safeParse(jsonOf(text));
    // The message says nothing of the value: it holds keys.
    const wrong = !parsed.success || Object.entries(parsed.data).some(([payer, given]) => given.startsWith('0x') && !isRight(payer, computeAddress(given)));
    if (!wrong) return new Map(Object.entries(parsed.data));
    context.addIssue({ code: 'custom', message: what });
    return z.NEVER;
  });

const payerKeys = keysByPayer('a JSON object of payer address to its key', (payer, signer) => signer === payer);
const delegateKeys = keysByPayer("a JSON object of payer address to a delegate's key, which is not the payer's own", (payer, signer) => signer !== payer);

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A chain of the table by its name, or any chain by its id. */
const chainId = z.string().transform((text, context) => {
  const id = Number(chainNamed(text)?.id ?? text);
  if (Number.isSafeInteger(id) && id > 0) return id;
  context.addIssue({ code: 'custom', message: `the id of a chain, or one of ${knownChains.map(({ name }) => name).join(', ')}` });
  return z.NEVER;
});

/** Endpoints separated by commas. */
const endpoints = z.string().transform((text) => text.split(',').map((url) => url.trim())).pipe(z.array(z.url()).min(1).max(9));

const centNanos = 10_000_000n;

const screens = (config: { SETTLEMENT_SCREENING_ORACLE?: string | undefined; SETTLEMENT_SCREENING_LIST?: string | undefined; SETTLEMENT_SCREENING_WAIVER?: string | undefined }): boolean =>
  [config.SETTLEMENT_SCREENING_ORACLE, config.SETTLEMENT_SCREENING_LIST, config.SETTLEMENT_SCREENING_WAIVER].some((given) => given !== undefined);

/** Environment of the settlement service, beside what every service understands. */
export const settlementConfig = z.object({
  /** One or more endpoints of the chain. Of several, a quorum must agree on what is believed. */
  SETTLEMENT_RPC_URL: endpoints,
  /** Endpoints that must agree; more than half when left out. */
  SETTLEMENT_RPC_QUORUM: z.coerce.number().int().positive().optional(),
  /** Says how long blocks take to be final and what fees are; an endpoint that is another chain is set aside. */
  SETTLEMENT_CHAIN_ID: chainId,
  SETTLEMENT_ESCROW: address,
  /** keccak256 of the escrow's code (`runtimeHash` of its deployment record), where that is of another build than this one. */
  SETTLEMENT_ESCROW_CODE_HASH: z.string().regex(/^0x[0-9a-f]{64}$/, '0x and 64 hex digits in lower case').optional(),
  /** The contract for providers' bonds; left out: the deployment reads none. */
  SETTLEMENT_BONDS: address.optional(),
  /** Arbiters of bonds that the operator relies on, separated by commas. */
  SETTLEMENT_BOND_ARBITERS: z.string().transform((text) => text.split(',').map((each) => each.trim()).filter((each) => each !== '')).pipe(z.array(address)).default([]),
  /** Block from which the escrow's events are read: the one that deployed it, or 0. */
  SETTLEMENT_START_BLOCK: z.coerce.number().int().nonnegative().default(0),
  /** Signs statements. Never logged. */
  SETTLEMENT_PAYER_KEYS: payerKeys.default(new Map()),
  /** Signs statements of payers whose own key is elsewhere, within the limits that each has set on chain. Never logged. */
  SETTLEMENT_DELEGATE_KEYS: delegateKeys.default(new Map()),
  /** Pays the gas of all transactions. Never logged. */
  SETTLEMENT_RELAYER_KEY: key,
  /** File with the password of `keystore:` keys. */
  SETTLEMENT_KEYSTORE_PASSWORD_FILE: z.string().min(1).optional(),
  /** A key management service other than the region's own, for `kms:` keys. */
  SETTLEMENT_KMS_ENDPOINT: z.url().optional(),
  /** No transaction offers more than this for a unit of gas. */
  SETTLEMENT_FEE_GWEI_MAX: z.coerce.number().int().positive().default(500),
  /** What gas may cost in any 24 hours, in wei of the chain's coin; more waits. One coin unless said. */
  SETTLEMENT_GAS_WEI_PER_DAY: z.coerce.bigint().positive().default(10n ** 18n),
  /** By token, what it is worth in dollars: fixed with a reason and a date, or by a price feed. Left out: the escrow's token is a dollar. */
  SETTLEMENT_RATES: rateSettings.optional(),
  /** Whether an address is paid before somebody proved to own it. `required` unless the chain is a local one. */
  SETTLEMENT_PAYEE_PROOF: z.enum(['required', 'waived']).optional(),
  /** A contract that answers `isSanctioned(address)`; a file with an address a line, read again when it changes. Both: both count. */
  SETTLEMENT_SCREENING_ORACLE: address.optional(),
  SETTLEMENT_SCREENING_LIST: z.string().min(1).optional(),
  /** Who answers for there being neither, and why; it goes into the log. */
  SETTLEMENT_SCREENING_WAIVER: z.string().trim().max(500).regex(/^[^:]{2,100}:.{10,}$/, 'who answers for it, a colon, and why (ten characters at least)').optional(),
  /** JSON file of issuers' authorisations, beside those that are known. */
  SETTLEMENT_TOKEN_AUTHORISATIONS: z.string().min(1).optional(),
  NODE_ENV: z.string().optional(),
  /** Payees in one statement; more go into the epochs right after it. At most what surely fits one transaction. */
  SETTLEMENT_PAYEES_PER_STATEMENT: z.coerce.number().int().positive().max(payeesPerStatementMax).default(payeesPerStatementMax),
  /** How often an epoch runs for every payer; 0 = on demand only. */
  SETTLEMENT_EPOCH_MS: z.coerce.number().int().nonnegative().default(3_600_000),
  /** How often what is owed is compared with the deposits that pay it. */
  SETTLEMENT_EXPOSURE_MS: z.coerce.number().int().min(10).default(2_000),
  /** How often every unit of the token is compared: chain, events, statements, books. */
  SETTLEMENT_RECONCILE_MS: z.coerce.number().int().min(10).default(300_000),
  /** The operator's own payer, who anchors the log and pays nobody; its key is among the payers'. None: no anchors but those of what is paid. */
  SETTLEMENT_ANCHOR_PAYER: address.optional(),
  /** An anchor is signed when the last is this old: ten minutes are left for it to land within the hour. */
  SETTLEMENT_ANCHOR_MS: z.coerce.number().int().min(100).max(3_600_000).default(3_000_000),
  /** Where buyers without an account pay the operator by x402; nothing is sold so when left out. */
  X402_PAY_TO: address.optional(),
  /** Others whose payments the relayer also takes, at its own gas: addresses with commas between. */
  X402_RECIPIENTS: z
    .string()
    .default('')
    .transform((text) => text.split(',').map((part) => part.trim()).filter((part) => part !== ''))
    .pipe(z.array(address)),
  /** Of which place payers by x402 are taken to be, who say none: the operator answers for it. Left out: unknown, and where the token's rules need one nothing is taken. */
  X402_PAYER_JURISDICTION: jurisdiction.optional(),
  /** How long a payer's authorisation is asked to be good for: the request's own time and a block's. */
  X402_TIMEOUT_SECONDS: z.coerce.number().int().min(30).max(3_600).default(300),
  /** Of SETTLEMENT_GAS_WEI_PER_DAY, what buyers' payments may use: the rest is left for statements and registrations. */
  X402_GAS_PERCENT: z.coerce.number().int().min(0).max(100).default(25),
  /** What a sale by x402 comes to at least, in dollars, for its gas is the deployment's; one cent unless the chain is a local one, where it is nothing. */
  X402_SALE_MIN_USD: dollars('a decimal amount of dollars with at most 9 places', 0n).optional(),
  /** How often the chain is asked for news. */
  SETTLEMENT_POLL_MS: z.coerce.number().int().min(10).default(500),
}).refine(({ SETTLEMENT_RPC_URL: urls, SETTLEMENT_RPC_QUORUM: quorum = 1 }) => quorum <= urls.length, { path: ['SETTLEMENT_RPC_QUORUM'], message: 'is more than the endpoints in SETTLEMENT_RPC_URL' })
  .refine(({ SETTLEMENT_PAYER_KEYS: own, SETTLEMENT_DELEGATE_KEYS: delegates }) => [...delegates.keys()].every((payer) => !own.has(payer)), { path: ['SETTLEMENT_DELEGATE_KEYS'], message: 'names a payer whose own key is in SETTLEMENT_PAYER_KEYS: one of the two signs, take the other out' })
  .refine((config) => config.NODE_ENV !== 'production' || screens(config), { path: ['SETTLEMENT_SCREENING_ORACLE'], message: 'in production somebody must be asked who is under sanctions: give SETTLEMENT_SCREENING_ORACLE, SETTLEMENT_SCREENING_LIST, or in SETTLEMENT_SCREENING_WAIVER who answers for doing without and why' })
  .transform((config) => ({ ...config, X402_SALE_MIN_USD: config.X402_SALE_MIN_USD ?? (rulesOf(BigInt(config.SETTLEMENT_CHAIN_ID)).local ? 0n : centNanos), SETTLEMENT_PAYEE_PROOF: config.SETTLEMENT_PAYEE_PROOF ?? (rulesOf(BigInt(config.SETTLEMENT_CHAIN_ID)).local ? ('waived' as const) : ('required' as const)) }));
export type SettlementConfig = z.output<typeof settlementConfig>;
