import { StandaloneStack } from './standalone-stack.js';
import { TraceCollector } from './trace-collector.js';

/** What the stack of `one-stack.e2e.spec.ts` tells of its work. */
export const collector = new TraceCollector();
let started: Promise<StandaloneStack> | undefined;

/** The stack that all parts of `one-stack.e2e.spec.ts` work on: started by the first that asks. Error: what kept it from starting, for each of them. */
export function oneStack(): Promise<StandaloneStack> {
  started ??= start();
  return started;
}

async function start(): Promise<StandaloneStack> {
  return StandaloneStack.start({
    OTEL_EXPORTER_OTLP_ENDPOINT: await collector.start(),
    OTEL_METRIC_EXPORT_INTERVAL: '5000',
    // What a killed gateway leaves open is closed after 23 s instead of three minutes; lines are begun again within 20 s of their claim.
    SCHEDULER_LINE_LEASE_MS: '3000',
    SCHEDULER_RERUN_MS: '20000',
    REQUEST_DEADLINE_MS: '20000',
    // How long a machine has for the first event of a stream, instead of a minute.
    FIRST_EVENT_MS: '8000',
    BILLING_ADMISSION_GRACE_MS: '2500',
  });
}

/** Ends the stack when it has not ended yet, or never came up. */
export async function endOneStack(): Promise<void> {
  await (await started?.catch(() => undefined))?.stop();
  collector.stop();
}

/** Error: a service that does not run, with the end of its log: a test before this one has broken the stack. */
export async function expectWhole(): Promise<void> {
  const stack = await oneStack();
  for (const service of ['gateway', 'governance', 'billing', 'scheduler', 'settlement']) stack.processOf(service);
}
