import { expect } from '@jest/globals';
import type { ErrorCode } from '#protocol';
import type { JobRequest, JobResult } from '#wire';
import { ExampleWorld, ManualClock, MemoryLog, exampleJob, permitAll } from '../examples.js';
import type { InferenceAnswer, InferenceJob } from './inference-job.js';
import type { LeaseIssuer } from './lease-issuer.js';
import { OneLease, examplePipeline } from './pipeline-harness.js';
import type { ExamplePipeline } from './pipeline-harness.js';

export const euOnly = `${permitAll}
@id("eu") @reason("Personal data stays in the EU.") forbid(principal, action, resource) when { context.personalData } unless { resource.jurisdiction == "EU" };
@id("senders") @reason("This sender is refused.") forbid(principal, action, resource) when { context.tags.contains("sender:bad@example.org") };`;

/** What a machine answers. */
export const exampleResult = (request: Pick<JobRequest, 'offer'>, inputTokens = 7): JobResult => ({
  status: 200,
  contentType: 'application/json',
  body: Buffer.from(`{"from":"${request.offer}"}`),
  usage: { inputTokens, outputTokens: 0 },
  receipt: { bytes: 'AA==', signature: 'AA==' },
});

/** A dear machine in the EU and a cheap one beyond, a policy that keeps personal data in the EU, and a pipeline before them. */
export class PipelineScene {
  readonly world = new ExampleWorld();
  readonly log = new MemoryLog();
  readonly clock = new ManualClock();
  /** What reached a machine. */
  readonly ran: JobRequest[] = [];
  /** What the machines answer. */
  nodes = (request: JobRequest): Promise<JobResult> => Promise.resolve(exampleResult(request));

  constructor() {
    this.world.offer(1, { nodeName: 'frankfurt', region: 'eu-frankfurt', jurisdiction: 'EU' }, 30_000_000n);
    this.world.offer(2, { nodeName: 'virginia', region: 'us-virginia', country: 'US', jurisdiction: 'US' }, 10_000_000n);
    this.world.policy(euOnly);
  }

  pipeline(issuer: LeaseIssuer = new OneLease()): ExamplePipeline {
    return examplePipeline(this.world, this.log, this.clock, issuer, (request) => {
      this.ran.push(request);
      return this.nodes(request);
    });
  }

  run(changes: Partial<InferenceJob> = {}): Promise<InferenceAnswer> {
    return this.pipeline().pipeline.run(exampleJob(changes));
  }

  typesOf(): string[] {
    return this.log.records.map(({ type }) => type).sort();
  }

  factsOf<T>(type: 'admitted' | 'completed'): T {
    return this.log.records.find((record) => record.type === type)!.facts as T;
  }

  offersRun(): string[] {
    return this.ran.map(({ offer }) => offer);
  }
}

export const expectError = (promise: Promise<unknown>, code: ErrorCode): Promise<unknown> => expect(promise).rejects.toMatchObject({ code });
