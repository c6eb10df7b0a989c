import type { AddressInfo } from 'node:net';
import type { FactoryProvider } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { assert, Clock } from '#kernel';
import { DataKeys, SealedObjects } from '#objects';
import { SERVICE_CONFIG } from '#service';
import type { SchedulerConfig } from '../config.js';
import { objectStore } from './object-store.js';
import { Transfers } from './transfers.js';

/** Where contents are kept, under which keys, and how they come in and out. */
export const objectParts: FactoryProvider[] = [
  { provide: DataKeys, inject: [SERVICE_CONFIG], useFactory: (config: SchedulerConfig) => new DataKeys(Buffer.from(config.SCHEDULER_MASTER_KEY, 'hex')) },
  { provide: SealedObjects, inject: [SERVICE_CONFIG, DataKeys, Clock], useFactory: (config: SchedulerConfig, keys: DataKeys, clock: Clock) => new SealedObjects(objectStore(config, clock), keys) },
  {
    provide: Transfers,
    inject: [SERVICE_CONFIG, DataKeys, Clock, HttpAdapterHost],
    useFactory: (config: SchedulerConfig, keys: DataKeys, clock: Clock, host: HttpAdapterHost) => new Transfers(keys.derived('transfers'), clock, () => config.INTERNAL_URL ?? ownUrl(host)),
  },
];

function ownUrl(host: HttpAdapterHost): string {
  const address = (host.httpAdapter.getHttpServer() as { address(): AddressInfo | string | null }).address();
  assert(typeof address === 'object' && address !== null, 'the service listens');
  return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
}
