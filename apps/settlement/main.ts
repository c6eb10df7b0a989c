import { main } from '#service';
import { settlement } from './settlement.service-definition.js';

await main(settlement);
