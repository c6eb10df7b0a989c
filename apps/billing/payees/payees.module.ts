import { Module } from '@nestjs/common';
import { PayeeStatements } from './payee-statements.service.js';
import { PayeeStatementsStore } from './payee-statements.store.js';
import { PayeesRpc } from './payees.rpc.js';

/** What payees are told of their account. */
@Module({ controllers: [PayeesRpc], providers: [PayeeStatements, PayeeStatementsStore] })
export class PayeesModule {}
