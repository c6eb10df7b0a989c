import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { fileCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { Files } from './files.service.js';

type Calls = typeof fileCalls;

@Controller()
export class FilesRpc {
  constructor(@Inject(Files) private readonly files: Files) {}

  @Serve(fileCalls.beginFile)
  begin(request: RequestOf<Calls['beginFile']>): Promise<ReplyOf<Calls['beginFile']>> {
    return this.files.begin(request);
  }

  @Serve(fileCalls.finishFile)
  finish(request: RequestOf<Calls['finishFile']>): Promise<ReplyOf<Calls['finishFile']>> {
    return this.files.finish(request);
  }

  @Serve(fileCalls.abandonFile)
  async abandon({ tenant, id }: RequestOf<Calls['abandonFile']>): Promise<ReplyOf<Calls['abandonFile']>> {
    await this.files.abandon(tenant, id);
    return {};
  }

  @Serve(fileCalls.getFile)
  get(request: RequestOf<Calls['getFile']>): Promise<ReplyOf<Calls['getFile']>> {
    return this.files.get(request);
  }

  @Serve(fileCalls.listFiles)
  list(request: RequestOf<Calls['listFiles']>): Promise<ReplyOf<Calls['listFiles']>> {
    return this.files.list(request);
  }

  @Serve(fileCalls.deleteFile)
  delete(request: RequestOf<Calls['deleteFile']>): Promise<ReplyOf<Calls['deleteFile']>> {
    return this.files.delete(request);
  }

  @Serve(fileCalls.openFile)
  open(request: RequestOf<Calls['openFile']>): Promise<ReplyOf<Calls['openFile']>> {
    return this.files.open(request);
  }
}
