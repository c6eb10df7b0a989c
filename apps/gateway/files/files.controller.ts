import { Controller, Delete, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { Caller } from '#messaging';
import { failure, fileCalls, fileLimits, filePurpose } from '#protocol';
import { Authorise, ownTenant } from '../access/authorise.js';
import { CurrentPrincipal } from '../access/principal.js';
import type { AuthenticatedRequest, Principal } from '../access/principal.js';
import { ProjectScope } from '../access/project-scope.js';
import { fetchContent, sendContent } from '../http/internal-transfer.js';
import { ReadsForm, Replies, RepliesBytes } from '../http/replies.js';
import { leaveUnread } from '../http/unread-body.js';
import { cursor, internalId } from './external-ids.js';
import { fileObject, listOf, toFileObject, toList } from './file-object.js';
import { fileFormShape, readFileForm } from './file-form.js';
import type { FileObject } from './file-object.js';

const fileId = z.string().min(1).max(64);
const listQuery = z.object({
  after: z.string().max(64).optional(),
  /** Up to 10,000 may be asked for; a page holds 1,000. */
  limit: z.coerce.number<string>().int().min(1).max(10_000).default(10_000),
  order: z.enum(['asc', 'desc']).default('desc'),
  purpose: filePurpose.optional(),
});
const deleted = z.object({ id: z.string(), object: z.literal('file'), deleted: z.literal(true) });
/** What a form's own lines and fields may add to the content. */
const formBytesMax = 128 * 1024;

@Controller('v1/files')
export class FilesController {
  constructor(
    private readonly caller: Caller,
    private readonly scope: ProjectScope,
  ) {}

  @Post()
  @Authorise('file.use', ownTenant)
  @ReadsForm(fileFormShape)
  @Replies('Uploads a file; the fields of the form may stand in any order', fileObject)
  async create(@CurrentPrincipal() principal: Principal, @Req() request: AuthenticatedRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<FileObject> {
    const { tenant, project } = this.scope.paying(principal, request);
    if (!request.headers['content-type']?.startsWith('multipart/form-data')) throw failure('REQUEST_INVALID', 'send the file as content-type: multipart/form-data', { status: 415, param: 'content-type' });
    if (Number(request.headers['content-length']) > fileLimits.fileBytesMax + formBytesMax) {
      leaveUnread(request, reply);
      throw failure('BODY_TOO_LARGE', `the file has more than ${fileLimits.fileBytesMax} bytes`, { param: 'file' });
    }
    const upload = await this.caller.call(fileCalls.beginFile, { tenant, project, keyId: principal.keyId });
    try {
      const form = await readFileForm(request.headers, request.body as Readable, upload.bytesMax, (content) => sendContent(upload.url, content));
      return toFileObject(await this.caller.call(fileCalls.finishFile, { tenant, id: upload.id, ...form }));
    } catch (error) {
      void this.caller.call(fileCalls.abandonFile, { tenant, id: upload.id }).catch(() => undefined);
      leaveUnread(request, reply);
      throw error;
    }
  }

  @Get()
  @Authorise('file.use', ownTenant)
  @Replies('Files of the project, or of every project for a key of the whole organisation', listOf(fileObject))
  async list(@CurrentPrincipal() principal: Principal, @Query({ schema: listQuery }) query: z.output<typeof listQuery>, @Req() request: AuthenticatedRequest): Promise<unknown> {
    const { after, limit, order, purpose } = query;
    const page = { ...cursor('file-', after), limit: Math.min(limit, fileLimits.filePageMax), order, ...(purpose ? { purpose } : {}) };
    const { data, hasMore } = await this.caller.call(fileCalls.listFiles, { ...this.scope.seen(principal, request), ...page });
    return toList(data.map(toFileObject), hasMore);
  }

  @Get(':file')
  @Authorise('file.use', ownTenant)
  @Replies('One file', fileObject)
  async get(@CurrentPrincipal() principal: Principal, @Param('file', { schema: fileId }) id: string, @Req() request: AuthenticatedRequest): Promise<FileObject> {
    return toFileObject(await this.caller.call(fileCalls.getFile, { ...this.scope.seen(principal, request), id: internalId('file-', id) }));
  }

  @Get(':file/content')
  @Authorise('file.use', ownTenant)
  @RepliesBytes("A file's content: the bytes as they are")
  async content(@CurrentPrincipal() principal: Principal, @Param('file', { schema: fileId }) id: string, @Req() request: AuthenticatedRequest, @Res() reply: FastifyReply): Promise<void> {
    const { url, file } = await this.caller.call(fileCalls.openFile, { ...this.scope.seen(principal, request), id: internalId('file-', id) });
    const { body } = await fetchContent(url);
    await reply.header('content-length', file.bytes).header('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(file.filename)}`).type('application/octet-stream').send(body);
  }

  @Delete(':file')
  @Authorise('file.use', ownTenant)
  @Replies('Deletes a file: its content can be read no more', deleted)
  async delete(@CurrentPrincipal() principal: Principal, @Param('file', { schema: fileId }) id: string, @Req() request: AuthenticatedRequest): Promise<z.output<typeof deleted>> {
    await this.caller.call(fileCalls.deleteFile, { ...this.scope.seen(principal, request), id: internalId('file-', id) });
    return { id, object: 'file', deleted: true };
  }
}
