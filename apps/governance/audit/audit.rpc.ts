import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { bundleCalls, closeCalls, governanceCalls, type RecordFields, type ReplyOf, type RequestOf } from '#protocol';
import { Bundler } from './bundler.service.js';
import { Prover } from './prover.service.js';
import { ReadLog } from './read-log.service.js';
import { RecordEnds } from './record-ends.service.js';
import { disclosedErasures, RecordReader } from './record-reader.service.js';
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
    private readonly reads: ReadLog,
  ) {}

  @Serve(governanceCalls.checkpoint)
  checkpoint(request: RequestOf<Calls['checkpoint']>): Promise<ReplyOf<Calls['checkpoint']>> {
    return this.prover.checkpoint(request);
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

  @Serve(governanceCalls.logKeys)
  logKeys(): Promise<ReplyOf<Calls['logKeys']>> {
    return this.prover.logKeys();
  }

  @Serve(governanceCalls.getRecord)
  async get(request: RequestOf<Calls['getRecord']>): Promise<ReplyOf<Calls['getRecord']>> {
    const entries = await this.reader.read(request);
    const restricted = disclosedErasures(entries);
    if (request.tenant !== null) await this.reads.note(request.reader, request.tenant, { what: 'record', record: request.id, ...(restricted.length > 0 && { restricted }) });
    return { id: request.id, entries };
  }

  @Serve(governanceCalls.listRecords)
  async list({ reader, ...request }: RequestOf<Calls['listRecords']>): Promise<ReplyOf<Calls['listRecords']>> {
    const { tenant, after: _after, limit: _limit, ...filter } = request;
    const page = await this.reader.list(request);
    await this.reads.note(reader, tenant, { what: 'search', filter: JSON.parse(JSON.stringify(filter, (_name, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))) as RecordFields });
    return page;
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
  async bundle(request: RequestOf<typeof bundleCalls.bundleRecord>): Promise<ReplyOf<typeof bundleCalls.bundleRecord>> {
    const { bundle, restricted } = await this.bundler.bundle(request);
    if (request.tenant !== null) await this.reads.note(request.reader, request.tenant, { what: 'bundle', record: request.id, ...(request.fields && { fields: request.fields }), ...(restricted.length > 0 && { restricted }) });
    return bundle;
  }
}
