import { Readable } from 'node:stream';
import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Caller } from '#messaging';
import { contentKind, heldContentCalls, heldContentLimits, uuid } from '#protocol';
import type { ContentKind, ReplyOf } from '#protocol';
import { AdminReads } from '../access/admin-reads.js';
import { Authorise, ownTenant } from '../access/authorise.js';
import { CurrentPrincipal } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { Replies, RepliesBytes } from '../http/replies.js';

type Calls = typeof heldContentCalls;

const listQuery = z.object({ kind: contentKind, after: uuid.optional(), limit: z.coerce.number<string>().int().min(1).max(heldContentLimits.pageMax).default(heldContentLimits.pageMax) });

/** What legal holds keep of deleted files and responses: for who answers for it or audits it, each read an entry of the log. */
@Controller('v1/held-contents')
export class HeldContentsController {
  constructor(
    private readonly caller: Caller,
    private readonly reads: AdminReads,
  ) {}

  @Get()
  @Authorise('held.read', ownTenant)
  @Replies('Files or stored responses that were deleted, or whose time is over, and that a legal hold keeps; ask on from `next` until it is null', heldContentCalls.list.reply)
  async list(@CurrentPrincipal() principal: Principal, @Query({ schema: listQuery }) query: z.output<typeof listQuery>): Promise<ReplyOf<Calls['list']>> {
    const page = await this.caller.call(heldContentCalls.list, { tenant: principal.tenant, ...query });
    await this.reads.noteHeld(principal, { what: 'held-contents', kind: query.kind });
    return page;
  }

  /** Error: NOT_FOUND, also of what no hold keeps any more. */
  @Get(':kind/:id')
  @Authorise('held.read', ownTenant)
  @RepliesBytes('What was stored of it: the bytes of a file, or the JSON of a response with its input')
  async content(@CurrentPrincipal() principal: Principal, @Param('kind', { schema: contentKind }) kind: ContentKind, @Param('id', { schema: uuid }) id: string, @Res() reply: FastifyReply): Promise<void> {
    const { tenant } = principal;
    const read = (from: number): Promise<ReplyOf<Calls['read']>> => this.caller.call(heldContentCalls.read, { tenant, kind, id, from });
    const first = await read(0);
    await this.reads.noteHeld(principal, { what: 'held-content', kind, content: id });
    async function* parts(): AsyncGenerator<Buffer> {
      for (let { part, next } = first; ; { part, next } = await read(next)) {
        yield Buffer.from(part, 'base64');
        if (next === null) return;
      }
    }
    const { bytes, filename } = first.content;
    if (filename !== null) void reply.header('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(filename)}`);
    await reply.header('content-length', bytes).header('cache-control', 'no-store').type('application/octet-stream').send(Readable.from(parts()));
  }
}
