import { askChain, Home, Secrets, writePrivate } from '#local';
import { deployContracts } from '../infrastructure/contracts.js';
import { wallets } from '../infrastructure/wallets.js';

/**
 * `prepare-chain.js DIRECTORY`: deploys test dollar and escrow on a test chain, once, and makes the payer's deposit; leaves where
 * they are in `env/chain.env`. Environment: RPC_URL. For test chains only: the token is open for anyone to mint.
 */
const directory = process.argv[2];
const { RPC_URL } = process.env;
if (directory === undefined || !RPC_URL) {
  console.error('prepare-chain: name the directory of the secrets, and set RPC_URL');
  process.exit(2);
}
const home = new Home(directory);
const chainId = BigInt(await askChain<string>(RPC_URL, 'eth_chainId'));
const { escrow, bonds, startBlock } = await deployContracts(home, { rpcUrl: RPC_URL, chainId }, wallets(new Secrets(home)));
writePrivate(home.path('env', 'chain.env'), `SETTLEMENT_RPC_URL=${RPC_URL}\nSETTLEMENT_CHAIN_ID=${chainId}\nSETTLEMENT_ESCROW=${escrow}\nSETTLEMENT_START_BLOCK=${startBlock}\nSETTLEMENT_SCREENING_WAIVER=the composed stack: a test chain, whose money anybody may mint\n${bonds === undefined ? '' : `SETTLEMENT_BONDS=${bonds}\n`}`);
console.log(`the escrow is ${escrow} on chain ${chainId}`);
