import { describe, expect, it } from '@jest/globals';
import { getBytes, hexlify, keccak256, Wallet, ZeroHash } from 'ethers';
import fc from 'fast-check';
import { listHash, packList, signStatement, statementDigest, statementSigner, statementTypes, unpackList, verifyStatement } from '#chain';
import type { EpochStatement } from '#chain';
import { escrowAbi } from '#protocol';

const key = keccak256('0x01');
const wallet = new Wallet(key);
const domain = { chainId: 31_337n, escrow: '0x5FbDB2315678afecb367f032d93F642f64180aa3' };
const list = packList([{ index: 0, cumulative: 30n }, { index: 7, cumulative: 12n }]);
const statement: EpochStatement = {
  payer: wallet.address,
  epoch: 3n,
  listHash: listHash(list),
  cumulativeTotal: 42n,
  registryHash: keccak256('0x02'),
  auditRoot: keccak256('0x03'),
  auditSize: 99n,
  validUntil: 1_900_000_000n,
};
const signature = signStatement(statement, domain, key);

describe('a packed list', () => {
  it('is 12 bytes an item in ascending order of index', () => {
    expect(packList([{ index: 258, cumulative: 1n }, { index: 1, cumulative: 2n ** 64n - 1n }])).toBe('0x00000001ffffffffffffffff000001020000000000000001');
    expect(packList([])).toBe('0x');
  });

  it('gives back what was packed', () => {
    const credits = fc.uniqueArray(fc.record({ index: fc.nat(2 ** 32 - 1), cumulative: fc.bigInt(0n, 2n ** 64n - 1n) }), { selector: ({ index }) => index });
    fc.assert(
      fc.property(credits, (items) => {
        expect(unpackList(packList(items))).toEqual([...items].sort((a, b) => a.index - b.index));
      }),
    );
  });

  it('cannot be made with a payee twice or a value that does not fit', () => {
    expect(() => packList([{ index: 1, cumulative: 1n }, { index: 1, cumulative: 2n }])).toThrow('once');
    expect(() => packList([{ index: 2 ** 32, cumulative: 1n }])).toThrow('uint32');
    expect(() => packList([{ index: 1, cumulative: 2n ** 64n }])).toThrow('uint64');
    expect(() => packList([{ index: 1, cumulative: -1n }])).toThrow('uint64');
  });
});

describe('a statement', () => {
  it('is typed as the contract reads it', () => {
    const settle = escrowAbi.find((member) => member.type === 'function' && member.name === 'settle');
    const components = (settle as unknown as { inputs: { components: { name: string; type: string }[] }[] }).inputs[0]!.components;
    expect(statementTypes.EpochStatement).toEqual(components.map(({ name, type }) => ({ name, type })));
  });

  it('is signed as a wallet would sign it', async () => {
    const typed = await wallet.signTypedData({ name: 'MizanEscrow', version: '1', chainId: domain.chainId, verifyingContract: domain.escrow }, statementTypes, statement);
    expect(signature).toBe(typed);
    expect(verifyStatement(statement, domain, signature)).toBe(true);
  });

  it('has another digest when any field, the chain or the escrow is another', () => {
    const changes: Partial<EpochStatement>[] = [
      { payer: Wallet.createRandom().address },
      { epoch: 4n },
      { listHash: ZeroHash },
      { cumulativeTotal: 43n },
      { registryHash: ZeroHash },
      { auditRoot: ZeroHash },
      { auditSize: 100n },
      { validUntil: 1n },
    ];
    const digests = [
      statementDigest(statement, domain),
      ...changes.map((change) => statementDigest({ ...statement, ...change }, domain)),
      statementDigest(statement, { ...domain, chainId: 1n }),
      statementDigest(statement, { ...domain, escrow: wallet.address }),
    ];
    expect(new Set(digests).size).toBe(digests.length);
  });

  it('is not verified when any byte of the signature is flipped', () => {
    const bytes = getBytes(signature);
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Uint8Array.from(bytes);
      flipped[at]! ^= 1;
      expect(verifyStatement(statement, domain, hexlify(flipped))).toBe(false);
    }
    // What other readers of signatures take for 27 and 28.
    for (const last of [0, 1, 35, 36, 27 + 2 * 31_337 + 8].map((v) => v % 256)) {
      const other = Uint8Array.from(bytes);
      other[64] = last;
      expect(statementSigner(statement, domain, hexlify(other))).toBeNull();
    }
    expect(verifyStatement(statement, domain, '0x')).toBe(false);
    expect(verifyStatement(statement, domain, hexlify(bytes.slice(0, 64)))).toBe(false);
  });
});
