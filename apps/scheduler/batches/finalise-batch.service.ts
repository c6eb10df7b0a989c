import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { assert, Clock } from '#kernel';
import { MasterKey, openUnder } from '#objects';
import { withTenant } from '#service';
import { Files } from '../files/files.service.js';
import { FileStore } from '../files/files.store.js';
import type { Job } from '../jobs/job.js';
import { JobStore } from '../jobs/jobs.store.js';
import { ContentKeys } from '../objects/content-keys.service.js';
import type { Batch } from './batch.js';
import { linesOf } from './batch-input.js';
import { BatchStore } from './batches.store.js';
import { lineContext, LineAnswerStore } from './line-answers.store.js';
import type { LineAnswer } from './line-answers.store.js';
import { unansweredLine } from './unanswered-line.js';

/** Writes the files that a batch leaves, both in the order of its input, and ends it. */
@Injectable()
export class FinaliseBatch {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(BatchStore) private readonly batches: BatchStore,
    @Inject(LineAnswerStore) private readonly answers: LineAnswerStore,
    @Inject(JobStore) private readonly jobs: JobStore,
    @Inject(Files) private readonly files: Files,
    @Inject(FileStore) private readonly fileStore: FileStore,
    @Inject(ContentKeys) private readonly keys: ContentKeys,
    @Inject(MasterKey) private readonly master: MasterKey,
  ) {}

  async run(job: Job): Promise<void> {
    const { batch, good, bad, unanswered } = await withTenant(this.dataSource, job.tenant, async (manager) => ({
      batch: (await this.batches.findMany(manager, [job.owner]))[0],
      good: await this.answers.goodLines(manager, job.owner),
      bad: await this.answers.badLines(manager, job.owner),
      unanswered: await this.answers.unanswered(manager, job.owner),
    }));
    assert(batch !== undefined, 'a batch that ends is there');
    const owner = { tenant: batch.tenant, project: batch.project, keyId: batch.keyId };
    const outputFile = good.size > 0 ? (await this.files.write(owner, this.answered(batch, true))).id : null;
    const errorFile = bad + unanswered.length > 0 ? (await this.files.write(owner, this.failed(batch, new Map(unanswered.map(({ line, reason }) => [line, reason]))))).id : null;
    const failed = bad + unanswered.filter(({ dead }) => dead).length;
    await this.end(job, { outputFile, errorFile, completed: good.size, failed });
  }

  private end(job: Job, result: { outputFile: string | null; errorFile: string | null; completed: number; failed: number }): Promise<void> {
    return withTenant(this.dataSource, job.tenant, async (manager) => {
      if (!(await this.jobs.move(manager, { job: job.id, fence: job.fence }, 'done'))) return;
      const batch = await this.batches.lock(manager, job.owner);
      assert(batch?.ending !== null && batch !== undefined, 'a batch that ends knows as what');
      for (const [id, name] of [[result.outputFile, 'output'], [result.errorFile, 'error']] as const) {
        if (id) await this.fileStore.show(manager, id, { filename: `batch_${batch.id.replaceAll('-', '')}_${name}.jsonl`, purpose: 'batch_output', expiresAtMs: null });
      }
      await this.batches.setResult(manager, batch.id, result);
      const entered = await this.batches.enter(manager, batch.id, batch.ending, this.clock.nowMs());
      assert(entered, `a batch that is ${batch.status} can end as ${batch.ending}`);
      await this.answers.forget(manager, batch.id);
      for (const kind of ['batch.line', 'batch.validate', 'batch.finalise'] as const) await this.jobs.forget(manager, batch.id, kind);
    });
  }

  private async *answered(batch: Batch, good: boolean): AsyncGenerator<Uint8Array> {
    for await (const { text } of this.answersOf(batch, good)) yield text;
  }

  private async *answersOf(batch: Batch, good: boolean): AsyncGenerator<{ line: number; text: Buffer }> {
    for (let after = 0; ; ) {
      const page = await withTenant(this.dataSource, batch.tenant, (manager) => this.answers.page(manager, batch.id, good, after));
      for (const answer of page) yield { line: answer.line, text: Buffer.concat([await this.opened(batch.tenant, answer), newLine]) };
      if (page.length === 0) return;
      after = page.at(-1)!.line;
    }
  }

  private async opened(tenant: string, { job, answer, wrappedKey }: LineAnswer & { job: string }): Promise<Buffer> {
    const context = lineContext(job);
    return wrappedKey === null ? this.master.open(tenant, context, answer) : openUnder(await this.keys.unwrap(tenant, context, wrappedKey), context, answer);
  }

  /** Answers that are errors, and a word for each line that has none. */
  private async *failed(batch: Batch, unanswered: ReadonlyMap<number, string>): AsyncGenerator<Uint8Array> {
    const errors = this.answersOf(batch, false);
    let next = await errors.next();
    if (unanswered.size === 0) {
      for (; !next.done; next = await errors.next()) yield next.value.text;
      return;
    }
    for await (const { line, text } of linesOf((await this.files.content(batch.tenant, batch.inputFile)).content)) {
      const reason = unanswered.get(line);
      if (reason !== undefined) yield Buffer.from(unansweredLine(batch.id, line, text, reason));
      else if (!next.done && next.value.line === line) {
        yield next.value.text;
        next = await errors.next();
      }
    }
  }
}

const newLine = Buffer.from('\n');
