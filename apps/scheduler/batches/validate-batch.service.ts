import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { batchLimits } from '#protocol';
import type { BatchProblem } from '#protocol';
import { isDomainError } from '#kernel';
import { withTenant } from '#service';
import { Files } from '../files/files.service.js';
import type { Job, NewJob } from '../jobs/job.js';
import { JobStore } from '../jobs/jobs.store.js';
import type { Batch, LinePayload } from './batch.js';
import { checkLine, linesOf } from './batch-input.js';
import { BatchStore } from './batches.store.js';
import { lineRecord } from './line-record.js';

/** Reads a batch's whole input: either every line is right and becomes a job, or the batch fails and says what is wrong. */
@Injectable()
export class ValidateBatch {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(BatchStore) private readonly batches: BatchStore,
    @Inject(JobStore) private readonly jobs: JobStore,
    @Inject(Files) private readonly files: Files,
  ) {}

  async run(job: Job): Promise<void> {
    const [batch] = await withTenant(this.dataSource, job.tenant, (manager) => this.batches.findMany(manager, [job.owner]));
    const { lines, problems } = batch?.status === 'validating' ? await this.read(batch) : { lines: [], problems: [] };
    await withTenant(this.dataSource, job.tenant, async (manager) => {
      if (!(await this.jobs.move(manager, { job: job.id, fence: job.fence }, 'done'))) return;
      const nowMs = this.clock.nowMs();
      const current = await this.batches.lock(manager, job.owner);
      if (current?.status !== 'validating') return;
      if (problems.length > 0) {
        await this.batches.addProblems(manager, job.owner, problems);
        await this.batches.enter(manager, job.owner, 'failed', nowMs);
        await this.jobs.forget(manager, job.owner, 'batch.validate');
        return;
      }
      await this.jobs.enqueue(manager, lines, nowMs);
      await this.batches.setTotal(manager, job.owner, lines.length);
      await this.batches.enter(manager, job.owner, 'in_progress', nowMs);
    });
  }

  private async read(batch: Batch): Promise<{ lines: NewJob[]; problems: BatchProblem[] }> {
    const lines: NewJob[] = [];
    const problems: BatchProblem[] = [];
    const firstLineOf = new Map<string, number>();
    const whole = (code: string, message: string): { lines: NewJob[]; problems: BatchProblem[] } => ({ lines: [], problems: [...problems, { code, message, param: null, line: null }] });
    try {
      for await (const input of linesOf((await this.files.content(batch.tenant, batch.inputFile)).content)) {
        if (lines.length + problems.length >= batchLimits.linesMax) return whole('too_many_lines', `the file has more than ${batchLimits.linesMax} lines`);
        const checked = checkLine(input, batch.endpoint);
        if ('problem' in checked) problems.push(checked.problem);
        else {
          const before = firstLineOf.get(checked.customId);
          if (before !== undefined) problems.push({ code: 'duplicate_custom_id', message: `line ${input.line}: its custom_id is that of line ${before}`, param: 'custom_id', line: input.line });
          else firstLineOf.set(checked.customId, input.line);
          const payload: LinePayload = { line: input.line, offset: input.offset, bytes: input.text.length };
          lines.push({ id: lineRecord(batch.id, input.line, 0), tenant: batch.tenant, kind: 'batch.line', owner: batch.id, payload: { ...payload } });
        }
        if (problems.length >= batchLimits.problemsMax) break;
      }
    } catch (error) {
      if (isDomainError(error, 'NOT_FOUND')) return whole('file_not_found', 'the input file is not there any more');
      throw error;
    }
    return lines.length === 0 && problems.length === 0 ? whole('empty_file', 'the file has no lines') : { lines, problems };
  }
}
