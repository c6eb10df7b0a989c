import { z } from 'zod';
import { failure } from '#protocol';

/** Environment that every service understands. */
export const commonConfig = z.object({
  NATS_URL: z.string().min(1),
  /** Path of the service's NATS credentials file. */
  NATS_CREDS: z.string().min(1),
  /** The service's own login role; the gateway has none. */
  DATABASE_URL: z.string().min(1).optional(),
  HTTP_HOST: z.string().default('127.0.0.1'),
  /** 0 = any free port. */
  HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  /** Where `/healthz`, `/readyz` and `/metrics` are. Left out, a service without a public API has them on its HTTP port, the gateway on any free one. */
  OPERATIONS_HOST: z.string().default('127.0.0.1'),
  OPERATIONS_PORT: z.coerce.number().int().min(0).max(65_535).optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('info'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.string().optional(),
});
export type CommonConfig = z.output<typeof commonConfig>;

/** Reads configuration from the environment; the error names each wrong variable, never its value. */
export function readConfig<T>(service: string, schema: z.ZodType<T>, env: NodeJS.ProcessEnv): T {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = schema.safeParse(present);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw failure('REQUEST_INVALID', `${service}: the environment is not right: ${problems}`);
}
