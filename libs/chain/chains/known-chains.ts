import { noDataFee } from './chain-rules.js';
import type { ChainRules, ChainToken } from './chain-rules.js';

const minuteMs = 60_000;
const usdc = (address: string, bridged = false): ChainToken => ({ symbol: 'USDC', address, decimals: 6, bridged });
const cancunUnknown = 'whether the chain runs Cancun, which the contracts need (transient storage, MCOPY)';

/** Depths and tags as bridges and indexers use them; the block times are the chains' own targets. */
export const knownChains = [
  {
    name: 'ethereum',
    id: 1n,
    coin: 'ETH',
    blockMs: 12_000,
    finality: { by: 'tag', aboutMs: 19 * minuteMs },
    fees: noDataFee,
    tokens: [usdc('0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48')],
    local: false,
    unconfirmed: [],
  },
  {
    name: 'base',
    id: 8453n,
    coin: 'ETH',
    blockMs: 2_000,
    finality: { by: 'tag', aboutMs: 30 * minuteMs },
    fees: { ...noDataFee, dataFee: 'op-stack' },
    tokens: [usdc('0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913')],
    local: false,
    unconfirmed: [],
  },
  {
    name: 'arbitrum',
    id: 42_161n,
    coin: 'ETH',
    blockMs: 250,
    finality: { by: 'tag', aboutMs: 30 * minuteMs },
    fees: { ...noDataFee, dataFee: 'estimate' },
    tokens: [usdc('0xaf88d065e77c8cC2239327C5EDb3A432268e5831')],
    local: false,
    unconfirmed: [],
  },
  {
    name: 'world-chain',
    id: 480n,
    coin: 'ETH',
    blockMs: 2_000,
    finality: { by: 'tag', aboutMs: 30 * minuteMs },
    fees: { ...noDataFee, dataFee: 'op-stack' },
    tokens: [usdc('0x79A02482A880bCE3F13e09Da970dC34db4CD24d1', true)],
    local: false,
    unconfirmed: ['whether its USDC is the issuer’s own or bridged; it is treated as bridged'],
  },
  {
    name: 'polygon',
    id: 137n,
    coin: 'POL',
    blockMs: 2_000,
    finality: { by: 'tag', aboutMs: 2 * minuteMs },
    fees: { ...noDataFee, tipWeiMin: 25_000_000_000n },
    tokens: [usdc('0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359')],
    local: false,
    unconfirmed: ['the smallest tip that its nodes take'],
  },
  {
    name: 'aurora',
    id: 1_313_161_554n,
    coin: 'ETH',
    blockMs: 1_000,
    finality: { by: 'depth', blocks: 5 },
    fees: noDataFee,
    tokens: [usdc('0xB12BFcA5A55806AaF64E99521918A4bf0fC40802', true)],
    local: false,
    unconfirmed: ['the number of blocks after which NEAR takes nothing back', cancunUnknown],
  },
  {
    name: 'aioz',
    id: 168n,
    coin: 'AIOZ',
    blockMs: 6_000,
    finality: { by: 'depth', blocks: 10 },
    fees: { ...noDataFee, feeWeiMin: 7_000_000_000n },
    tokens: [],
    local: false,
    unconfirmed: ['the block time', 'that a block is final when it is made', 'a dollar token', cancunUnknown],
  },
  {
    name: 'bittensor',
    id: 964n,
    coin: 'TAO',
    blockMs: 12_000,
    finality: { by: 'depth', blocks: 75 },
    fees: noDataFee,
    tokens: [],
    local: false,
    unconfirmed: ['a dollar token', cancunUnknown],
  },
  {
    name: 'local',
    id: 31_337n,
    coin: 'ETH',
    blockMs: 1_000,
    finality: { by: 'tag', aboutMs: 2_000 },
    fees: noDataFee,
    tokens: [],
    local: true,
    unconfirmed: [],
  },
] as const satisfies readonly ChainRules[];

export type KnownChain = (typeof knownChains)[number]['name'];

/** For a chain that is not in the table: its nodes' own tag, no floors, no tokens. */
const cautiousRules = (id: bigint): ChainRules => ({
  name: `chain-${id}`,
  id,
  coin: 'coin',
  blockMs: 12_000,
  finality: { by: 'tag', aboutMs: 20 * minuteMs },
  fees: noDataFee,
  tokens: [],
  local: false,
  unconfirmed: ['everything: the chain is not in the table'],
});

/** The rules of a chain by its id; cautious ones for a chain that is not in the table. */
export function rulesOf(id: bigint): ChainRules {
  return knownChains.find((chain) => chain.id === id) ?? cautiousRules(id);
}

/** A chain of the table by name (any case) or decimal id; null if it is in neither. */
export function chainNamed(nameOrId: string): ChainRules | null {
  const asked = nameOrId.trim().toLowerCase();
  return knownChains.find(({ name, id }) => name === asked || id.toString() === asked) ?? null;
}
