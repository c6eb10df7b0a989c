import { createHash } from 'node:crypto';
import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { payeeCalls } from '#protocol';
import type { PayeeStatement, ReplyOf, RequestOf } from '#protocol';
import { payeeStatementPdf } from './payee-statement-pdf.js';
import { PayeeStatements } from './payee-statements.service.js';

@Controller()
export class PayeesRpc {
  constructor(@Inject(PayeeStatements) private readonly statements: PayeeStatements) {}

  @Serve(payeeCalls.statement)
  statement(request: RequestOf<typeof payeeCalls.statement>): Promise<PayeeStatement> {
    return this.statements.of(request);
  }

  @Serve(payeeCalls.statementFile)
  async file(request: RequestOf<typeof payeeCalls.statementFile>): Promise<ReplyOf<typeof payeeCalls.statementFile>> {
    const statement = await this.statements.of(request);
    const bytes = await payeeStatementPdf(statement);
    const [from, to] = [statement.fromMs, statement.toMs - 1].map((atMs) => new Date(atMs).toISOString().slice(0, 10));
    return { name: `statement-${statement.payee}-${from}-${to}.pdf`, bytes: bytes.toString('base64'), sha256: createHash('sha256').update(bytes).digest('hex') };
  }
}
