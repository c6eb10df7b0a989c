import { getAddress } from 'ethers';
import { assert } from '#kernel';
import { z } from 'zod';
import { settleArguments, verifyStatement } from '#chain';
import type { EscrowDomain } from '#chain';
import { statementFile } from '#protocol';
import type { SignedForm } from './statement.store.js';

export type StatementFile = z.output<typeof statementFile>;

/** The file that payees get, read back from the very bytes that go on chain. Asserts that the payer's signature is right. */
export function fileOf({ callData, payees, rate }: SignedForm, domain: EscrowDomain): StatementFile {
  const { statement, list, signature } = settleArguments(callData);
  assert(verifyStatement(statement, domain, signature), 'a statement that is handed out is signed by its payer');
  return {
    format: 'mizan-statement/1',
    chainId: Number(domain.chainId),
    escrow: domain.escrow,
    statement,
    list,
    signature,
    payees: payees.map(({ payee, cumulativeUnits }) => ({ address: getAddress(payee.toLowerCase()), cumulativeUnits })),
    ...(rate === null ? {} : { rate }),
  };
}

export const statementToText = (file: StatementFile): string => JSON.stringify(z.encode(statementFile, file));
export const statementFromText = (text: string): StatementFile => z.decode(statementFile, JSON.parse(text) as never);
