import { SpanKind, context } from '@opentelemetry/api';
import { Counter, Histogram, register } from 'prom-client';
import { inSpan, inSpanNow } from '#messaging';
import { DomainError } from '#kernel';
import { GenAiTelemetry } from './gen-ai-telemetry.js';
import type { InferenceAnswer, InferenceJob } from './inference-job.js';
import { StepTimes } from './step-times.js';

export type StepName = 'limit' | 'classify' | 'decide' | 'reserve' | 'fetch' | 'place' | 'dispatch' | 'relay' | 'meter' | 'record.refused' | 'record.reused' | 'record.admitted' | 'record.completed';

const secondsOptions = {
  name: 'mizan_gateway_step_seconds',
  help: 'Time that a request spends in each step',
  labelNames: ['step'] as const,
  buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120],
};
const requestsOptions = { name: 'mizan_gateway_requests_total', help: 'Requests for inference by how they ended', labelNames: ['endpoint', 'outcome'] as const };

/** Two gateways in one process share the process's registry. */
const known = <M>(registry: typeof register, name: string): M | undefined => registry.getSingleMetric(name) as M | undefined;

/** Measures each step from outside: a span and a histogram. The steps themselves know nothing of it. */
export class Steps {
  private readonly seconds: Histogram<'step'>;
  private readonly times = new Map<StepName, Histogram.Internal<'step'>>();
  private readonly requests: Counter<'endpoint' | 'outcome'>;
  private readonly genAi = new GenAiTelemetry();

  constructor(registry = register) {
    this.seconds = known<Histogram<'step'>>(registry, secondsOptions.name) ?? new Histogram({ ...secondsOptions, registers: [registry] });
    this.requests = known<Counter<'endpoint' | 'outcome'>>(registry, requestsOptions.name) ?? new Counter({ ...requestsOptions, registers: [registry] });
  }

  async run<T>(name: StepName, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      return await inSpan(name, context.active(), SpanKind.INTERNAL, work);
    } finally {
      this.took(name, performance.now() - startedAt);
    }
  }

  /** The same for a step that waits for nothing. */
  now<T>(name: StepName, work: () => T): T {
    const startedAt = performance.now();
    try {
      return inSpanNow(name, context.active(), SpanKind.INTERNAL, work);
    } finally {
      this.took(name, performance.now() - startedAt);
    }
  }

  private took(name: StepName, ms: number): void {
    this.timeOf(name).observe(ms / 1_000);
    StepTimes.now?.add(name, ms);
  }

  /** Finding a histogram's labels costs more than observing. */
  private timeOf(name: StepName): Histogram.Internal<'step'> {
    let time = this.times.get(name);
    if (time === undefined) this.times.set(name, (time = this.seconds.labels(name)));
    return time;
  }

  /** The whole of a request; counted by how it ended: `ok` or an error code. `isOffered`: some machine has its model. */
  async request(job: InferenceJob, isOffered: boolean, work: () => Promise<InferenceAnswer>): Promise<InferenceAnswer> {
    let outcome = 'ok';
    try {
      return await this.genAi.observe(job, isOffered, work);
    } catch (error) {
      outcome = error instanceof DomainError ? error.code : 'INTERNAL';
      throw error;
    } finally {
      this.requests.inc({ endpoint: job.endpoint, outcome });
    }
  }
}
