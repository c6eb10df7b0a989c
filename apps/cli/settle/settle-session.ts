import { readFileSync } from 'node:fs';
import { getAddress } from 'ethers';
import type { JsonRpcProvider, Wallet } from 'ethers';
import { listHash, statementSigner, unpackList } from '#chain';
import type { Credit, Escrow } from '#chain';
import { statementFile } from '#protocol';
import type { StatementFile } from '#protocol';
import { openEscrow } from '../contract/escrow-session.js';
import type { KeyOptions } from '../wallet-key.js';

export interface SettleOptions extends KeyOptions {
  /** JSON-RPC endpoint of the chain that the file names; every other service may be gone. */
  readonly rpc: string;
}

/** A statement file, the escrow it is for, and the key that sends. Close it with `provider.destroy()`. */
export interface SettleSession {
  readonly file: StatementFile;
  readonly credits: readonly Credit[];
  readonly escrow: Escrow;
  readonly wallet: Wallet;
  readonly provider: JsonRpcProvider;
}

/**
 * Reads the file and looks at the chain. Errors: the file is none or its list is not the signed one; no key; the endpoint is another
 * chain or has no escrow there.
 */
export async function openSession(path: string, options: SettleOptions): Promise<SettleSession> {
  const file = readStatementFile(readFileSync(path, 'utf8'));
  const { escrow, wallet, provider } = await openEscrow({ ...options, address: file.escrow, chainId: file.chainId }, true);
  return { file, credits: unpackList(file.list), escrow, wallet: wallet!, provider };
}

export function readStatementFile(text: string): StatementFile {
  const parsed = statementFile.safeParse(parseJson(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(`this is not a statement file: ${issue!.path.join('.')}: ${issue!.message}`);
  }
  const { statement, list, signature, chainId, escrow, signer } = parsed.data;
  if (listHash(list) !== statement.listHash) throw new Error('the list in the file is not the one that was signed');
  const by = statementSigner(statement, { chainId: BigInt(chainId), escrow }, signature);
  if (signer !== undefined && by !== getAddress(signer)) throw new Error(`the file says that ${signer} signed for ${statement.payer}, and the signature is not its`);
  return parsed.data;
}

/** Who signed, offline: the payer's own key, or the delegate that the file names; whether it is one only the escrow can say. Null: a wallet that is a contract signed, or somebody who had no right to. */
export function signerOf({ statement, signature, chainId, escrow, signer }: StatementFile): { address: string; isDelegate: boolean } | null {
  const by = statementSigner(statement, { chainId: BigInt(chainId), escrow }, signature);
  if (by === getAddress(statement.payer)) return { address: by, isDelegate: false };
  return by !== null && signer !== undefined ? { address: by, isDelegate: true } : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('this is not a statement file: it is not JSON');
  }
}
