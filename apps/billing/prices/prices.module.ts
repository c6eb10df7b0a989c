import { Module } from '@nestjs/common';
import { LedgerModule } from '../ledger/ledger.module.js';
import { AssignPayees } from '../nodes/assign-payees.service.js';
import { NodesConsumer } from '../nodes/nodes.consumer.js';
import { NodesStore } from '../nodes/nodes.store.js';
import { PriceBooksRpc } from '../price-books/price-books.rpc.js';
import { PriceBooks } from '../price-books/price-books.service.js';
import { PriceBooksStore } from '../price-books/price-books.store.js';
import { Reprice } from '../price-books/reprice.service.js';
import { PriceChangesRpc } from '../price-changes/price-changes.rpc.js';
import { PriceChanges } from '../price-changes/price-changes.service.js';
import { PriceChangesStore } from '../price-changes/price-changes.store.js';
import { OfferNetworks } from './offer-networks.service.js';
import { PricesRpc } from './prices.rpc.js';
import { PricesService } from './prices.service.js';
import { PricesStore } from './prices.store.js';

/** Nodes as payees, and the price book of their offers. */
@Module({
  imports: [LedgerModule],
  controllers: [PricesRpc, PriceBooksRpc, PriceChangesRpc, NodesConsumer],
  providers: [NodesStore, AssignPayees, OfferNetworks, PriceBooks, PriceBooksStore, PriceChanges, PriceChangesStore, PricesStore, PricesService, Reprice],
  exports: [NodesStore, OfferNetworks, PricesStore],
})
export class PricesModule {}
