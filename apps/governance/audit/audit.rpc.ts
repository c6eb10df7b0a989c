import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { bundleCalls, closeCalls, governanceCalls, type ReplyOf, type RequestOf } from '#protocol';
import { Bundler } from './bundler.service.js';
import { Prover } from './prover.service.js';
import { RecordEnds } from './record-ends.service.js';
import { RecordReader } from './record-reader.service.js';
import { Tiles } from './tiles.service.js';

type Calls = typeof governanceCalls;

@Controller()
export class AuditRpc {
  constructor(
    private readonly reader: RecordReader,
    private readonly ends: RecordEnds,
    private readonly prover: Prover,
    private readonly tiles: Tiles,
    private readonly bundler: Bundler,
  ) {}

  @Serve(governanceCalls.checkpoint)
  checkpoint(): Promise<ReplyOf<Calls['checkpoint']>> {
    return this.prover.checkpoint();
  }

  @Serve(governanceCalls.tile)
  tile(request: RequestOf<Calls['tile']>): Promise<ReplyOf<Calls['tile']>> {
    return this.tiles.hashes(request);
  }

  @Serve(governanceCalls.entryBundle)
  entryBundle(request: RequestOf<Calls['entryBundle']>): Promise<ReplyOf<Calls['entryBundle']>> {
    return this.tiles.bundle(request);
  }

  @Serve(governanceCalls.published)
  published(): Promise<ReplyOf<Calls['published']>> {
    return this.prover.published();
  }

  @Serve(governanceCalls.getRecord)
  async get(request: RequestOf<Calls['getRecord']>): Promise<ReplyOf<Calls['getRecord']>> {
    return { id: request.id, entries: await this.reader.read(request) };
  }

  @Serve(governanceCalls.listRecords)
  list(request: RequestOf<Calls['listRecords']>): Promise<ReplyOf<Calls['listRecords']>> {
    return this.reader.list(request);
  }

  @Serve(closeCalls.recordEnds)
  recordEnds({ from }: RequestOf<typeof closeCalls.recordEnds>): Promise<ReplyOf<typeof closeCalls.recordEnds>> {
    return this.ends.from(from);
  }

  @Serve(closeCalls.endedRecords)
  async endedRecords({ records }: RequestOf<typeof closeCalls.endedRecords>): Promise<ReplyOf<typeof closeCalls.endedRecords>> {
    return { ended: await this.ends.among(records) };
  }

  @Serve(governanceCalls.proveRecord)
  prove(request: RequestOf<Calls['proveRecord']>): Promise<ReplyOf<Calls['proveRecord']>> {
    return this.prover.prove(request);
  }

  @Serve(bundleCalls.bundleRecord)
  bundle(request: RequestOf<typeof bundleCalls.bundleRecord>): Promise<ReplyOf<typeof bundleCalls.bundleRecord>> {
    return this.bundler.bundle(request);
  }
}
