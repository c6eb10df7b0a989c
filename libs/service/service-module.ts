import { Module } from '@nestjs/common';
import type { DynamicModule, OnApplicationBootstrap, OnApplicationShutdown, Provider } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids, SystemClock, SystemIds } from '#kernel';
import { Bus, Caller, Inbox, Outbox, OutboxRelay, Publisher, Replicas } from '#messaging';
import type { ServiceDefinition } from './define-service.js';
import { SERVICE_CONFIG } from './define-service.js';
import { Readiness } from './readiness.js';

/** What every service is given: time, ids, the bus and its clients, the database, readiness. */
export interface ServiceParts {
  config: unknown;
  bus: Bus;
  dataSource: DataSource | undefined;
  readiness: Readiness;
}

/** Begins and ends with the application what is none of Nest's own. */
class PartsLifecycle implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    private readonly parts: ServiceParts,
    private readonly replicas: Replicas,
    private readonly relay: OutboxRelay | undefined,
  ) {}

  onApplicationBootstrap(): void {
    this.relay?.start();
  }

  async onApplicationShutdown(): Promise<void> {
    this.replicas.stop();
    await this.relay?.stop();
    await this.parts.bus.close();
    if (this.parts.dataSource?.isInitialized) await this.parts.dataSource.destroy();
  }
}

@Module({})
export class ServiceModule {
  static for(definition: ServiceDefinition<never>, parts: ServiceParts): DynamicModule {
    const clock = new SystemClock();
    const ids = new SystemIds(clock);
    const outbox = new Outbox(definition.name, ids);
    const replicas = new Replicas(parts.bus);
    const relay = parts.dataSource && new OutboxRelay(definition.name, parts.dataSource, parts.bus, outbox);
    const shared: Provider[] = [
      { provide: SERVICE_CONFIG, useValue: parts.config },
      { provide: Clock, useValue: clock },
      { provide: Ids, useValue: ids },
      { provide: Bus, useValue: parts.bus },
      { provide: Caller, useValue: new Caller(parts.bus) },
      { provide: Publisher, useValue: new Publisher(parts.bus) },
      { provide: Replicas, useValue: replicas },
      { provide: Outbox, useValue: outbox },
      { provide: Inbox, useValue: new Inbox(definition.name) },
      { provide: Readiness, useValue: parts.readiness },
      ...(parts.dataSource ? [{ provide: DataSource, useValue: parts.dataSource }] : []),
    ];
    return {
      module: ServiceModule,
      global: true,
      imports: [definition.module(parts.config as never)],
      providers: [...shared, { provide: PartsLifecycle, useValue: new PartsLifecycle(parts, replicas, relay) }],
      exports: shared,
    };
  }
}
