import { dataLength, dataSlice, getAddress, getBytes, hexlify, keccak256, recoverAddress, SigningKey, TypedDataEncoder } from 'ethers';
import { assert } from '#kernel';
import { gasLimitMax } from './fees.js';

/** A payee's cumulative total after a statement, in units of the escrow. */
export interface Credit {
  readonly index: number;
  readonly cumulative: bigint;
}

/** What a payer signs once per epoch; fields as in the contract's `EpochStatement`. */
export interface EpochStatement {
  readonly payer: string;
  readonly epoch: bigint;
  readonly listHash: string;
  readonly cumulativeTotal: bigint;
  readonly registryHash: string;
  readonly auditRoot: string;
  readonly auditSize: bigint;
  /** Unix seconds. */
  readonly validUntil: bigint;
}

export interface EscrowDomain {
  readonly chainId: bigint;
  readonly escrow: string;
}

export const statementTypes = {
  EpochStatement: [
    { name: 'payer', type: 'address' },
    { name: 'epoch', type: 'uint64' },
    { name: 'listHash', type: 'bytes32' },
    { name: 'cumulativeTotal', type: 'uint128' },
    { name: 'registryHash', type: 'bytes32' },
    { name: 'auditRoot', type: 'bytes32' },
    { name: 'auditSize', type: 'uint64' },
    { name: 'validUntil', type: 'uint64' },
  ],
};

/** Gas of a statement without its list, and of one more payee that is new and shares its storage slot with nobody, the delegate's checks included. */
const statementGas = 150_000n;
const payeeGasMax = 23_500n;

/** Payees that a statement may name and surely fit one transaction, whoever they are: its limit is a fifth above the estimate. */
export const payeesPerStatementMax = Number(((gasLimitMax * 5n) / 6n - statementGas) / payeeGasMax);

const itemBytes = 12;

/** Packed (uint32 index, uint64 cumulative), sorted by index. Asserts distinct indices and values in range. */
export function packList(credits: readonly Credit[]): string {
  const sorted = [...credits].sort((a, b) => a.index - b.index);
  for (const [at, { index, cumulative }] of sorted.entries()) {
    assert(Number.isInteger(index) && index >= 0 && index < 2 ** 32, 'a payee index is a uint32');
    assert(cumulative >= 0n && cumulative < 2n ** 64n, 'a cumulative total is a uint64');
    assert(at === 0 || sorted[at - 1]!.index < index, 'a payee is named once');
  }
  const bytes = Buffer.alloc(sorted.length * itemBytes);
  for (const [at, { index, cumulative }] of sorted.entries()) bytes.writeBigUInt64BE(cumulative, bytes.writeUInt32BE(index, at * itemBytes));
  return hexlify(bytes);
}

/** Inverse of {@link packList}. */
export function unpackList(list: string): Credit[] {
  const bytes = Buffer.from(getBytes(list));
  const credits: Credit[] = [];
  for (let at = 0; at < bytes.length; at += itemBytes) credits.push({ index: bytes.readUInt32BE(at), cumulative: bytes.readBigUInt64BE(at + 4) });
  return credits;
}

export const listHash = (list: string): string => keccak256(list);

const domainOf = ({ chainId, escrow }: EscrowDomain) => ({ name: 'MizanEscrow', version: '1', chainId, verifyingContract: escrow });

/** The EIP-712 digest that the payer signs. */
export function statementDigest(statement: EpochStatement, domain: EscrowDomain): string {
  return TypedDataEncoder.hash(domainOf(domain), statementTypes, statement);
}

/** 65 bytes (r, s, v), low s, deterministic (RFC 6979): the same statement gives the same bytes. */
export function signStatement(statement: EpochStatement, domain: EscrowDomain, privateKey: string): string {
  return new SigningKey(privateKey).sign(statementDigest(statement, domain)).serialized;
}

/** The only last bytes of a signature that the escrow takes; a library may read others (0, 1, 35 and above) as one of them. */
const recoveryBytes: readonly string[] = ['0x1b', '0x1c'];

/** EIP-55 address of the key that signed a statement for this escrow, by the contract's own rule; null when the bytes are no key's signature. */
export function statementSigner(statement: EpochStatement, domain: EscrowDomain, signature: string): string | null {
  if (dataLength(signature) !== 65 || !recoveryBytes.includes(dataSlice(signature, 64).toLowerCase())) return null;
  try {
    return recoverAddress(statementDigest(statement, domain), signature);
  } catch {
    return null;
  }
}

/** Whether the statement's payer signed it itself. */
export function verifyStatement(statement: EpochStatement, domain: EscrowDomain, signature: string): boolean {
  return statementSigner(statement, domain, signature) === getAddress(statement.payer);
}
