import { main } from '#service';
import { billingService } from './billing.service-definition.js';

await main(billingService);
