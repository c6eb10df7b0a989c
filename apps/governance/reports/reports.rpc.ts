import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { reportCalls, type ReplyOf, type RequestOf } from '#protocol';
import { ReadLog } from '../audit/read-log.service.js';
import { Reports } from './reports.service.js';
import { Supplements } from './supplements.service.js';

type Calls = typeof reportCalls;

@Controller()
export class ReportsRpc {
  constructor(
    private readonly reports: Reports,
    private readonly supplements: Supplements,
    private readonly reads: ReadLog,
  ) {}

  @Serve(reportCalls.get)
  async get(request: RequestOf<Calls['get']>): Promise<ReplyOf<Calls['get']>> {
    const report = await this.reports.get(request);
    await this.note(request);
    return report;
  }

  @Serve(reportCalls.pdf)
  async pdf(request: RequestOf<Calls['pdf']>): Promise<ReplyOf<Calls['pdf']>> {
    const bytes = await this.reports.pdf(request);
    await this.note(request);
    return { bytes: bytes.toString('base64') };
  }

  @Serve(reportCalls.supplements)
  async listSupplements(request: RequestOf<Calls['supplements']>): Promise<ReplyOf<Calls['supplements']>> {
    const found = await this.supplements.list(request);
    await this.note(request);
    return found;
  }

  @Serve(reportCalls.supplement)
  async supplement(request: RequestOf<Calls['supplement']>): Promise<ReplyOf<Calls['supplement']>> {
    const found = await this.supplements.get(request);
    await this.note(request);
    return found;
  }

  @Serve(reportCalls.supplementPdf)
  async supplementPdf(request: RequestOf<Calls['supplementPdf']>): Promise<ReplyOf<Calls['supplementPdf']>> {
    const bytes = await this.supplements.pdf(request);
    await this.note(request);
    return { bytes: bytes.toString('base64') };
  }

  private note({ reader, tenant, month }: RequestOf<Calls['get']>): Promise<void> {
    return this.reads.note(reader, tenant, { what: 'report', month });
  }
}
