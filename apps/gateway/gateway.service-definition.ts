import { defineService } from '#service';
import { gatewayConfig } from './config.js';
import { GatewayModule } from './gateway.module.js';
import { httpServer } from './http/http-server.js';
import { unroutable } from './http/unroutable.js';
import { assertDurability } from './request/record-durability.js';

/** The public REST edge. Owns nothing durable: no database, no migrations. */
export const gateway = defineService({
  name: 'gateway',
  config: gatewayConfig,
  module: () => GatewayModule,
  // Records say how they are kept.
  mayStart: (bus, { RECORD_DURABILITY }) => assertDurability(RECORD_DURABILITY, bus.manager),
  migrations: [],
  http: 'public',
  server: (config) => httpServer(config),
  unroutable,
});
