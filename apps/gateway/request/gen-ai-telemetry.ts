import { context, metrics, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Attributes, Histogram, Span } from '@opentelemetry/api';
import { DomainError } from '#kernel';
import type { Endpoint } from '#protocol';
import type { InferenceAnswer, InferenceJob } from './inference-job.js';
import { requestAttributes, responseAttributes, usageAttributes } from './gen-ai-attributes.js';
import { usedUntil } from './recorded.js';

/** Names of OpenTelemetry's conventions for generative AI (semantic-conventions-genai, gen-ai-spans and gen-ai-metrics; in development there). */
const operations: Record<Endpoint, string> = {
  'chat.completions': 'chat',
  completions: 'text_completion',
  embeddings: 'embeddings',
  moderations: 'moderation',
  'images.generations': 'generate_content',
  'audio.transcriptions': 'generate_content',
  'audio.speech': 'generate_content',
};
const provider = 'mizan';

const powers = (first: number, factor: number, count: number): number[] => Array.from({ length: count }, (_, at) => first * factor ** at);
const secondsBuckets = powers(0.01, 2, 14);
const tokenBuckets = powers(1, 4, 14);

/**
 * One request as OpenTelemetry's conventions describe a call of a model: a CLIENT span and four histograms. Nothing of what was asked or
 * answered is in them. Without an exporter all of it is a no-op, and bodies are not looked into.
 */
export class GenAiTelemetry {
  private readonly tracer = trace.getTracer('mizan');
  private readonly duration: Histogram;
  private readonly firstChunk: Histogram;
  private readonly perChunk: Histogram;
  private readonly tokens: Histogram;

  constructor(meter = metrics.getMeter('mizan')) {
    const seconds = { unit: 's', advice: { explicitBucketBoundaries: secondsBuckets } };
    this.duration = meter.createHistogram('gen_ai.client.operation.duration', seconds);
    this.firstChunk = meter.createHistogram('gen_ai.client.operation.time_to_first_chunk', seconds);
    this.perChunk = meter.createHistogram('gen_ai.client.operation.time_per_output_chunk', seconds);
    this.tokens = meter.createHistogram('gen_ai.client.token.usage', { unit: '{token}', advice: { explicitBucketBoundaries: tokenBuckets } });
  }

  /** The model is named when it `isOffered`: another name is the caller's own text, and there is no end of those. */
  observe(job: InferenceJob, isOffered: boolean, work: () => Promise<InferenceAnswer>): Promise<InferenceAnswer> {
    const operation = operations[job.endpoint];
    const common: Attributes = { 'gen_ai.operation.name': operation, 'gen_ai.provider.name': provider, ...(isOffered && { 'gen_ai.request.model': job.model }) };
    return this.tracer.startActiveSpan(isOffered ? `${operation} ${job.model}` : operation, { kind: SpanKind.CLIENT, attributes: common }, context.active(), (span) => this.within(span, common, job, work));
  }

  private async within(span: Span, common: Attributes, job: InferenceJob, work: () => Promise<InferenceAnswer>): Promise<InferenceAnswer> {
    const startedAt = performance.now();
    if (span.isRecording()) span.setAttributes(requestAttributes(job));
    let failed: Attributes = {};
    try {
      const answer = await work();
      if (span.isRecording()) span.setAttributes(responseAttributes(answer));
      this.countTokens(common, answer.usage);
      return answer;
    } catch (error) {
      // A stream that was cut or left has used what its machine made until then.
      const usage = usedUntil(error);
      failed = { 'error.type': error instanceof DomainError ? error.code : '_OTHER' };
      span.setAttributes({ ...failed, ...usageAttributes(usage) }).setStatus({ code: SpanStatusCode.ERROR });
      this.countTokens(common, usage);
      throw error;
    } finally {
      const endedAt = performance.now();
      this.duration.record((endedAt - startedAt) / 1_000, { ...common, ...failed });
      this.timeStream(span, common, job, startedAt, endedAt);
      span.end();
    }
  }

  private countTokens(common: Attributes, usage: InferenceAnswer['usage']): void {
    if (usage === undefined) return;
    this.tokens.record(usage.inputTokens, { ...common, 'gen_ai.token.type': 'input' });
    this.tokens.record(usage.outputTokens, { ...common, 'gen_ai.token.type': 'output' });
  }

  private timeStream(span: Span, common: Attributes, { streamed }: InferenceJob, startedAt: number, endedAt: number): void {
    const { begunAt, writes } = streamed?.outlet ?? { begunAt: undefined, writes: 0 };
    if (begunAt === undefined) return;
    const firstChunk = (begunAt - startedAt) / 1_000;
    span.setAttribute('gen_ai.response.time_to_first_chunk', firstChunk);
    this.firstChunk.record(firstChunk, common);
    if (writes > 1) this.perChunk.record((endedAt - begunAt) / 1_000 / (writes - 1), common);
  }
}
