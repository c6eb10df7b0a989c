import { connect, deployBonds, deployEscrow, deployTestDollar, depositTestDollars, Escrow } from '#chain';
import { askChain } from '#local';
import type { Home, LocalChain } from '#local';
import { fundGas } from './wallets.js';
import type { Wallets } from './wallets.js';

export interface Contracts {
  chainId: string;
  token: string;
  escrow: string;
  /** A directory of before there were bonds has none: its chain keeps its contracts. */
  bonds?: string;
  /** Block before the escrow's first event. */
  startBlock: number;
}

/** A day is enough for a test chain; the contract wants a second to 90 days. */
const thawSeconds = 86_400n;
/** Of bonds: minutes for an answer and a ruling, so that a dispute can be tried out in an afternoon. */
const bondSeconds = { thawSeconds: 3_600n, answerSeconds: 600n, rulingSeconds: 600n };
/** The bank's deposit: 100 test dollars of 6 decimals. */
export const depositUnits = 100_000_000n;
const file = 'contracts.json';

/** The test dollar, the escrow and the bonds, deployed once per chain, and the bank's deposit. Returns where they are. */
export async function deployContracts(home: Home, chain: LocalChain, { relayer, payer }: Wallets): Promise<Contracts> {
  const known = home.readJson<Contracts>(file);
  if (known?.chainId === chain.chainId.toString() && (await hasCode(chain, known.escrow)) && (await hasCode(chain, known.token))) {
    await ensureDeposit(chain, known, payer);
    return known;
  }
  await Promise.all([relayer, payer].map(({ address }) => fundGas(chain, address)));
  const provider = connect(chain.rpcUrl, chain.chainId);
  try {
    const startBlock = await provider.getBlockNumber();
    const token = await deployTestDollar(relayer.connect(provider));
    const escrow = await deployEscrow(relayer.connect(provider), { token, unit: 1n, thawSeconds });
    const bonds = await deployBonds(relayer.connect(provider), { token, unit: 1n, ...bondSeconds });
    const made = { chainId: chain.chainId.toString(), token, escrow, bonds, startBlock };
    home.writeJson(made, file);
    await ensureDeposit(chain, made, payer);
    return made;
  } finally {
    provider.destroy();
  }
}

async function ensureDeposit(chain: LocalChain, contracts: Contracts, payer: Wallets['payer']): Promise<void> {
  const provider = connect(chain.rpcUrl, chain.chainId);
  try {
    const { available, cumulativeTotal } = await new Escrow(contracts.escrow, provider).payer(payer.address);
    if (available === 0n && cumulativeTotal === 0n) await depositTestDollars(payer.connect(provider), contracts.escrow, depositUnits);
  } finally {
    provider.destroy();
  }
}

async function hasCode(chain: LocalChain, address: string): Promise<boolean> {
  return (await askChain<string>(chain.rpcUrl, 'eth_getCode', [address, 'latest'])) !== '0x';
}
