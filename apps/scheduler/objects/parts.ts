import type { AddressInfo } from 'node:net';
import type { FactoryProvider } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { assert, Clock } from '#kernel';
import { MasterKey, SealedObjects } from '#objects';
import { SERVICE_CONFIG } from '#service';
import type { SchedulerConfig } from '../config.js';
import { ContentKeys } from './content-keys.service.js';
import { objectStore } from './object-store.js';
import { Transfers } from './transfers.js';
import { UnderMasterGauge } from './under-master-metrics.js';

/** Where contents are kept, under which keys, and how they come in and out. */
export const objectParts: FactoryProvider[] = [
  { provide: UnderMasterGauge, useFactory: () => new UnderMasterGauge() },
  { provide: MasterKey, inject: [SERVICE_CONFIG], useFactory: (config: SchedulerConfig) => new MasterKey(Buffer.from(config.SCHEDULER_MASTER_KEY, 'hex')) },
  { provide: SealedObjects, inject: [SERVICE_CONFIG, ContentKeys, Clock], useFactory: (config: SchedulerConfig, keys: ContentKeys, clock: Clock) => new SealedObjects(objectStore(config, clock), keys) },
  {
    provide: Transfers,
    inject: [SERVICE_CONFIG, MasterKey, Clock, HttpAdapterHost],
    useFactory: (config: SchedulerConfig, master: MasterKey, clock: Clock, host: HttpAdapterHost) => new Transfers(master.derived('transfers'), clock, () => config.INTERNAL_URL ?? ownUrl(host)),
  },
];

function ownUrl(host: HttpAdapterHost): string {
  const address = (host.httpAdapter.getHttpServer() as { address(): AddressInfo | string | null }).address();
  assert(typeof address === 'object' && address !== null, 'the service listens');
  return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
}
