import { connect, Escrow, hasLanded, standingOf, unpackList } from '#chain';
import type { StatementFile } from '#protocol';

/**
 * Whether a statement was signed by somebody who may sign it. `refused`: it can pay nobody. `unverified`: that is not known; `isSilent`: for there was no answer.
 */
export type SignerVerdict = { readonly kind: 'genuine' } | { readonly kind: 'refused'; readonly why: string } | { readonly kind: 'unverified'; readonly why: string; readonly isSilent?: boolean };

/** Whether `delegate`, whose signature is in the file, is one of the payer's. */
export type DelegateCheck = (file: StatementFile, delegate: string) => Promise<SignerVerdict>;

const as = ({ statement: { payer } }: StatementFile, delegate: string): string => `is signed by ${delegate} as a delegate of ${payer}`;

export const unchecked: DelegateCheck = (file, delegate) => Promise.resolve({ kind: 'unverified', why: `${as(file, delegate)}: nobody has asked the chain whether it is one (--rpc)` });

/** Asks an endpoint of the chain at its newest block. A delegate that was revoked for good counts for what has landed. */
export function askedAt(rpcUrl: string): DelegateCheck {
  return async (file, delegate) => {
    const { chainId, statement, list } = file;
    const { payer } = statement;
    const silent: SignerVerdict = { kind: 'unverified', why: `${as(file, delegate)}: the chain has not said whether it is one, and is asked again`, isSilent: true };
    const provider = connect(rpcUrl, BigInt(chainId));
    try {
      const chain = Number(await provider.send('eth_chainId', []));
      if (chain !== chainId) return { kind: 'refused', why: `is for chain ${chainId}, and --rpc is an endpoint of chain ${chain}` };
      const block = await provider.getBlock('latest');
      if (block === null) return silent;
      const escrow = new Escrow(file.escrow, provider);
      const standing = standingOf(await escrow.delegate(payer, delegate, block.number), BigInt(block.timestamp));
      if (standing === 'unknown') return { kind: 'refused', why: `is signed by ${delegate}, who is no delegate of ${payer} on chain` };
      if (standing === 'ended' && !(await hasLanded(escrow, statement, unpackList(list)))) return { kind: 'refused', why: `is signed by ${delegate}, who is no delegate of ${payer} any more, and has not landed` };
      return { kind: 'genuine' };
    } catch {
      return silent;
    } finally {
      provider.destroy();
    }
  };
}
