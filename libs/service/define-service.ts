import type { DynamicModule, Type } from '@nestjs/common';
import type { FastifyHttpOptions, FastifyReply, FastifyRequest, RawServerDefault } from 'fastify';
import type { MigrationInterface } from 'typeorm';
import type { z } from 'zod';
import type { Bus } from '#messaging';
import type { ServiceName } from '#protocol';

/** All that tells one service from another; the bootstrap is the same for all. */
export interface ServiceDefinition<Config = unknown> {
  readonly name: ServiceName;
  /** Schema of the service's own environment variables. */
  readonly config: z.ZodType<Config>;
  readonly module: (config: Config) => Type | DynamicModule;
  /** What must hold before anything is begun; what it throws is why the service does not start. */
  readonly mayStart?: (bus: Bus, config: Config) => Promise<void>;
  /** Listed explicitly, oldest first; empty for a service without a database. */
  readonly migrations: readonly (new () => MigrationInterface)[];
  /** `public` leaves the routes to the service, health and metrics are on a port of their own; `internal` may have them beside its own. */
  readonly http: 'internal' | 'public';
  /** Further options of the HTTP server: timeouts, what malformed HTTP is answered with, which proxies are believed. */
  readonly server?: (config: Config) => Pick<FastifyHttpOptions<RawServerDefault>, 'http' | 'requestTimeout' | 'clientErrorHandler' | 'trustProxy'>;
  /** Answers what reaches no route and no filter: a URL that does not decode, for one. */
  readonly unroutable?: (error: Error, request: FastifyRequest, reply: FastifyReply) => void;
}

export function defineService<Config>(definition: ServiceDefinition<Config>): ServiceDefinition<Config> {
  return definition;
}

/** Injection token of the service's own parsed configuration. */
export const SERVICE_CONFIG = Symbol('SERVICE_CONFIG');
