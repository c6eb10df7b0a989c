import { getAddress } from 'ethers';
import { assert } from '#kernel';
import { z } from 'zod';
import { settleArguments, statementSigner } from '#chain';
import type { EscrowDomain } from '#chain';
import { statementFile } from '#protocol';
import type { StatementFile } from '#protocol';
import type { SignedForm } from './statement.store.js';

/** The file that payees get, read back from the very bytes that go on chain. Asserts that the signature is of who is said to have signed. */
export function fileOf({ callData, payees, rate, delegate }: SignedForm, domain: EscrowDomain): StatementFile {
  const { statement, list, signature } = settleArguments(callData);
  assert(statementSigner(statement, domain, signature) === (delegate ?? getAddress(statement.payer)), 'a statement that is handed out is signed by its payer, or by the delegate that signs for it');
  return {
    format: 'mizan-statement/1',
    chainId: Number(domain.chainId),
    escrow: domain.escrow,
    statement,
    list,
    signature,
    ...(delegate === null ? {} : { signer: delegate }),
    payees: payees.map(({ payee, cumulativeUnits }) => ({ address: getAddress(payee.toLowerCase()), cumulativeUnits })),
    ...(rate === null ? {} : { rate }),
  };
}

export const statementToText = (file: StatementFile): string => JSON.stringify(z.encode(statementFile, file));
export const statementFromText = (text: string): StatementFile => z.decode(statementFile, JSON.parse(text) as never);
