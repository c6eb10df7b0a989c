import { join } from 'node:path';
import { baseEnvironment, launchUnder } from '#local';
import type { Home, LaunchSpec, Running } from '#local';

/** Compiled apps beside this one. */
const apps = join(import.meta.dirname, '../..');

/** Variables that every process of the stack may be given by the user. */
const passedOn = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_METRIC_EXPORT_INTERVAL', 'LOG_LEVEL', 'MIZAN_ENGINE_URL', 'MIZAN_ENGINE_KEY'];
/** Times and bounds that a user may set for one of the services. */
const tunable: Readonly<Record<string, readonly string[]>> = {
  gateway: ['PLACEMENT_WAIT_MS', 'REQUEST_DEADLINE_MS', 'STREAM_DEADLINE_MS', 'FIRST_EVENT_MS', 'BATCH_LINES_MAX', 'NODE_OUTBOUND_ALLOW'],
  scheduler: ['SCHEDULER_RERUN_MS', 'SCHEDULER_LINE_LEASE_MS', 'NODE_OUTBOUND_ALLOW'],
  billing: ['BILLING_ADMISSION_GRACE_MS', 'BILLING_LEASE_TTL_MS', 'BILLING_LEASE_GRACE_MS', 'BILLING_SWEEP_MS'],
  settlement: ['SETTLEMENT_EPOCH_MS', 'SETTLEMENT_POLL_MS', 'SETTLEMENT_SCREENING_LIST'],
};

/** Starts one of our programs (`dist/apps/<app>/main.js`) in a Node process of its own. */
export function startApp(home: Home, app: string, name: string, env: Record<string, string>, args: string[] = [], limits: Partial<LaunchSpec> = {}): Promise<Running> {
  const given = Object.fromEntries([...passedOn, ...(tunable[app] ?? [])].flatMap((key) => (process.env[key] === undefined ? [] : [[key, process.env[key]]])));
  return launchUnder(home)({
    name,
    command: process.execPath,
    args: ['--enable-source-maps', '--no-warnings', join(apps, app, 'main.js'), ...args],
    env: { ...baseEnvironment(), ...given, NODE_ENV: 'production', ...env },
    ...limits,
  });
}
