import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { journalCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { Journal } from './journal.service.js';

type Calls = typeof journalCalls;

@Controller()
export class JournalRpc {
  constructor(@Inject(Journal) private readonly journal: Journal) {}

  @Serve(journalCalls.putAccount)
  putAccount(request: RequestOf<Calls['putAccount']>): Promise<ReplyOf<Calls['putAccount']>> {
    return this.journal.putAccount(request);
  }

  @Serve(journalCalls.closeAccount)
  closeAccount(request: RequestOf<Calls['closeAccount']>): Promise<ReplyOf<Calls['closeAccount']>> {
    return this.journal.closeAccount(request);
  }

  @Serve(journalCalls.listAccounts)
  listAccounts(page: RequestOf<Calls['listAccounts']>): Promise<ReplyOf<Calls['listAccounts']>> {
    return this.journal.listAccounts(page);
  }

  @Serve(journalCalls.reserve)
  reserve(request: RequestOf<Calls['reserve']>): Promise<ReplyOf<Calls['reserve']>> {
    return this.journal.reserve(request);
  }

  @Serve(journalCalls.post)
  post(request: RequestOf<Calls['post']>): Promise<ReplyOf<Calls['post']>> {
    return this.journal.post(request);
  }

  @Serve(journalCalls.void)
  void(request: RequestOf<Calls['void']>): Promise<ReplyOf<Calls['void']>> {
    return this.journal.void(request);
  }

  @Serve(journalCalls.list)
  list(page: RequestOf<Calls['list']>): Promise<ReplyOf<Calls['list']>> {
    return this.journal.list(page);
  }
}
