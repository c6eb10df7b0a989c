import { Module } from '@nestjs/common';
import { LedgerModule } from '../ledger/ledger.module.js';
import { AssignPayees } from '../nodes/assign-payees.service.js';
import { NodesConsumer } from '../nodes/nodes.consumer.js';
import { NodesStore } from '../nodes/nodes.store.js';
import { PricesRpc } from './prices.rpc.js';
import { PricesService } from './prices.service.js';
import { PricesStore } from './prices.store.js';

/** Nodes as payees, and the price book of their offers. */
@Module({
  imports: [LedgerModule],
  controllers: [PricesRpc, NodesConsumer],
  providers: [NodesStore, AssignPayees, PricesStore, PricesService],
  exports: [NodesStore, PricesStore],
})
export class PricesModule {}
