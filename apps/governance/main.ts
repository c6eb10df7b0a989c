import { main } from '#service';
import { governance } from './governance.service-definition.js';

await main(governance);
