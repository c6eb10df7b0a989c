import { main } from '#service';
import { billing } from './billing.service-definition.js';

await main(billing);
