import { main } from '#service';
import { scheduler } from './scheduler.service-definition.js';

await main(scheduler);
