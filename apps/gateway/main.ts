import { main } from '#service';
import { gateway } from './gateway.service-definition.js';

await main(gateway);
