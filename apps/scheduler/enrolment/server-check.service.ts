import { Inject, Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { Bus } from '#messaging';
import { failure } from '#protocol';
import { SERVICE_CONFIG } from '#service';
import type { SchedulerConfig } from '../config.js';
import { exposureRefusal } from './exposed-server.js';

/** Does not start where nodes of other machines would be sent to an affected server. Error: REQUEST_INVALID. */
@Injectable()
export class ServerCheck implements OnModuleInit {
  constructor(
    @Inject(Bus) private readonly bus: Bus,
    @Inject(SERVICE_CONFIG) private readonly config: SchedulerConfig,
  ) {}

  onModuleInit(): void {
    const refusal = exposureRefusal(this.bus.connection.info?.version ?? '0.0.0', this.config.PUBLIC_NATS_URL ?? this.config.NATS_URL);
    if (refusal !== undefined) throw failure('REQUEST_INVALID', refusal);
  }
}
