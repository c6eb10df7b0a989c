import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { reportCalls, type ReplyOf, type RequestOf } from '#protocol';
import { Reports } from './reports.service.js';

type Calls = typeof reportCalls;

@Controller()
export class ReportsRpc {
  constructor(private readonly reports: Reports) {}

  @Serve(reportCalls.get)
  get(request: RequestOf<Calls['get']>): Promise<ReplyOf<Calls['get']>> {
    return this.reports.get(request);
  }

  @Serve(reportCalls.pdf)
  async pdf(request: RequestOf<Calls['pdf']>): Promise<ReplyOf<Calls['pdf']>> {
    return { bytes: (await this.reports.pdf(request)).toString('base64') };
  }
}
