import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Ids } from '#kernel';
import { Caller } from '#messaging';
import { exportCalls, exportContentTypes, exportEntriesMax, ExportFile, exportFormat, exportPageMax, manifestCalls, signedManifest, uuid } from '#protocol';
import type { ExportFormat, ExportHead, Reader, SignedManifest } from '#protocol';
import { Authorise, askedTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf, readerOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { AllowedTenant } from '../access/resource-tenant.js';
import { tenantQuery } from '../http/list-query.js';
import { Replies, RepliesBytes } from '../http/replies.js';

const exportQuery = tenantQuery.extend({
  format: exportFormat.default('jsonl'),
  /** Index of the last entry that the caller has. */
  after: z.coerce.number<string>().int().nonnegative().max(Number.MAX_SAFE_INTEGER).optional(),
  limit: z.coerce.number<string>().int().min(1).max(exportEntriesMax).default(1_000),
});

/** An organisation's entries of the log as a stream that can be taken up again at any entry. */
@Controller('v1/exports')
export class ExportsController {
  constructor(
    private readonly caller: Caller,
    private readonly ids: Ids,
  ) {}

  /** The file is cut off, not ended, where the log fails in its middle: the caller goes on after the last entry that it has. One that ends has a manifest, by the id in `x-mizan-export`. */
  @Get()
  @Authorise('log.export', askedTenant)
  @RepliesBytes('The entries of an organisation after one that the caller has, oldest first and with their bodies, as JSON Lines, CSV or OCSF events', 'application/jsonl')
  async read(@CurrentPrincipal() principal: Principal, @AllowedTenant() tenant: string | null, @Query({ schema: exportQuery }) query: z.output<typeof exportQuery>, @Res() reply: FastifyReply): Promise<void> {
    const asked = { tenant, after: query.after ?? null, limit: query.limit };
    const begun = await this.caller.call(exportCalls.begin, { ...asked, actor: actorOf(principal), format: query.format });
    const file = new PassThrough();
    const [id, name] = [begun.export ?? this.ids.uuid(), `mizan-${asked.after ?? 'start'}.${query.format === 'csv' ? 'csv' : 'jsonl'}`];
    void this.write(file, query.format, { ...asked, ...begun }, { id, name }, readerOf(principal)).catch((error: unknown) => file.destroy(error instanceof Error ? error : new Error(String(error))));
    await reply
      .header('x-mizan-checkpoint', Buffer.from(begun.checkpoint).toString('base64'))
      .header('content-disposition', `attachment; filename="${name}"`)
      .header('x-mizan-export', id)
      .type(`${exportContentTypes[query.format]}; charset=utf-8`)
      .send(file);
  }

  /** Error: NOT_FOUND. */
  @Get(':id/manifest')
  @Authorise('log.export', askedTenant)
  @Replies('What an export came to, signed with the log’s key: its file with its hash, first and last entry, gaps, and the state of the log', signedManifest)
  manifest(@AllowedTenant() tenant: string | null, @Param('id', { schema: uuid }) id: string, @Query({ schema: tenantQuery }) _query: unknown): Promise<SignedManifest> {
    return this.caller.call(manifestCalls.get, { tenant, id });
  }

  private async write(file: PassThrough, format: ExportFormat, head: ExportHead, { id, name }: { id: string; name: string }, reader: Reader): Promise<void> {
    const parts = new ExportFile(format);
    file.write(parts.head(head));
    let { after, limit: left } = head;
    for (;;) {
      const { data, next } = await this.caller.call(exportCalls.page, { tenant: head.tenant, after, until: head.until, limit: Math.min(left, exportPageMax), reader });
      if (data.length > 0 && !file.write(parts.page(data))) await once(file, 'drain');
      left -= data.length;
      after = data.at(-1)?.index ?? after;
      if (next === null || left <= 0) {
        const end = parts.end(next);
        await this.caller.call(manifestCalls.seal, { ...parts.facts(name), id, organisation: head.tenant, next, logSize: head.until, checkpoint: head.checkpoint });
        file.end(end);
        return;
      }
    }
  }
}
