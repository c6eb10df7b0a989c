import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { exportCalls, manifestCalls, type ReplyOf, type RequestOf, type SignedManifest } from '#protocol';
import { ExportManifests } from './export-manifests.service.js';
import { Exports } from './exports.service.js';

type Calls = typeof exportCalls;

@Controller()
export class ExportsRpc {
  constructor(
    private readonly exports: Exports,
    private readonly manifests: ExportManifests,
  ) {}

  @Serve(exportCalls.begin)
  begin(request: RequestOf<Calls['begin']>): Promise<ReplyOf<Calls['begin']>> {
    return this.exports.begin(request);
  }

  @Serve(exportCalls.page)
  page(request: RequestOf<Calls['page']>): Promise<ReplyOf<Calls['page']>> {
    return this.exports.page(request);
  }

  @Serve(manifestCalls.seal)
  seal(request: RequestOf<typeof manifestCalls.seal>): Promise<SignedManifest> {
    return this.manifests.seal(request);
  }

  @Serve(manifestCalls.get)
  manifest(request: RequestOf<typeof manifestCalls.get>): Promise<SignedManifest> {
    return this.manifests.get(request);
  }
}
