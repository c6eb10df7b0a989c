import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { collectDefaultMetrics, register } from 'prom-client';
import type { DataSource } from 'typeorm';
import { Bus, MizanTransport } from '#messaging';
import { limits } from '#protocol';
import { commonConfig, readConfig } from './common-config.js';
import type { CommonConfig } from './common-config.js';
import { createDataSource } from './database.js';
import type { ServiceDefinition } from './define-service.js';
import { addHealthRoutes } from './health-routes.js';
import { JsonLogger } from './logger.js';
import { serveOperations } from './operations-server.js';
import { Readiness } from './readiness.js';
import { PassErrorsToTransport } from './rpc-errors.js';
import { ServiceModule } from './service-module.js';
import { startTelemetry } from './telemetry.js';

export interface RunningService {
  app: NestFastifyApplication;
  /** Base URL of the service's HTTP port. */
  url: string;
  /** Base URL of its health and metrics. */
  operationsUrl: string;
  stop(): Promise<void>;
}

/** Starts a service from its definition and the environment. Resolves when it listens and all its handlers are in place. */
export async function runService<Config>(definition: ServiceDefinition<Config>, env: NodeJS.ProcessEnv = process.env): Promise<RunningService> {
  const common = readConfig(definition.name, commonConfig, env);
  const config = readConfig(definition.name, definition.config, env);
  const stopTelemetry = await startTelemetry(definition.name, env);
  const logger = new JsonLogger(definition.name, common.LOG_LEVEL);
  if (!register.getSingleMetric('process_cpu_user_seconds_total')) collectDefaultMetrics();

  const bus = await Bus.connect({ url: common.NATS_URL, creds: common.NATS_CREDS, name: definition.name });
  const dataSource = common.DATABASE_URL ? createDataSource(common.DATABASE_URL, definition.name) : undefined;
  try {
    await definition.mayStart?.(bus, config);
    await dataSource?.initialize();
    return await startApp(definition, { common, config, bus, dataSource, logger, stopTelemetry });
  } catch (error) {
    // What was opened for a service that cannot start does not stay behind it.
    await bus.close();
    if (dataSource?.isInitialized) await dataSource.destroy();
    throw error;
  }
}

interface Opened<Config> {
  common: CommonConfig;
  config: Config;
  bus: Bus;
  dataSource: DataSource | undefined;
  logger: JsonLogger;
  stopTelemetry: () => Promise<void>;
}

async function startApp<Config>(definition: ServiceDefinition<Config>, { common, config, bus, dataSource, logger, stopTelemetry }: Opened<Config>): Promise<RunningService> {
  const readiness = new Readiness();
  readiness.add('nats', () => bus.isConnected);
  if (dataSource) readiness.add('database', () => dataSource.query('SELECT 1').then(() => true));

  const adapter = new FastifyAdapter({ bodyLimit: limits.bodyBytesMax, forceCloseConnections: 'idle', ...definition.server?.(config), ...(definition.unroutable ? { frameworkErrors: definition.unroutable } : {}) });
  const module = ServiceModule.for(definition as never, { config, bus, dataSource, readiness });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, { logger, abortOnError: false });
  // A public service brings its own filter, and a later global one would go before it.
  if (definition.http === 'internal') app.useGlobalFilters(new PassErrorsToTransport(app.getHttpAdapter()));
  app.connectMicroservice({ strategy: new MizanTransport(bus) }, { inheritAppConfig: true });
  // Callers of a public service are not its operators.
  const isApart = definition.http === 'public' || common.OPERATIONS_PORT !== undefined;
  if (!isApart) addHealthRoutes(adapter.getInstance(), readiness);
  await app.startAllMicroservices();
  await app.listen(common.HTTP_PORT, common.HTTP_HOST);
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  const operations = isApart ? await serveOperations(readiness, common.OPERATIONS_HOST, common.OPERATIONS_PORT ?? 0).catch((error: unknown) => app.close().then(() => Promise.reject(error as Error))) : undefined;
  const stop = async (): Promise<void> => {
    // Before the rest: no new work is sent here from now on.
    await operations?.close();
    await app.close();
    await stopTelemetry();
  };
  return { app, url, operationsUrl: operations?.url ?? url, stop };
}

/** The whole of a service's `main.ts`: runs until SIGTERM or SIGINT, exits non-zero with one clear line when it cannot start. */
export async function main<Config>(definition: ServiceDefinition<Config>): Promise<void> {
  try {
    const running = await runService(definition);
    const end = (): void => void running.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
    process.once('SIGTERM', end);
    process.once('SIGINT', end);
    process.send?.({ ready: true, url: running.url, operationsUrl: running.operationsUrl });
  } catch (error) {
    console.error(`${definition.name} cannot start: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}
