import { Controller, Get, Param, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { governanceCalls } from '#protocol';
import { Open } from '../access/authorise.js';
import { Replies, RepliesBytes } from '../http/replies.js';
import { PublishedLog } from './published-log.js';

/** `<level or "entries">/<index in groups of three digits>[.p/<width>]`; what is none is not found. */
const tilePathText = z.string().min(1).max(64);

/** C2SP tlog-tiles: the log for whoever wants to check it. No key is asked for: nothing here is more than public envelopes. */
@Controller('log')
export class LogController {
  constructor(private readonly log: PublishedLog) {}

  @Get('checkpoint')
  @Open()
  @RepliesBytes('The published checkpoint of the audit log: a signed note', 'text/plain; charset=utf-8')
  async checkpoint(@Res() reply: FastifyReply): Promise<void> {
    const note = await this.log.checkpoint();
    await reply.header('cache-control', 'public, max-age=2').header('access-control-allow-origin', '*').type('text/plain; charset=utf-8').send(note);
  }

  /** For whoever knows one of them and has a file under another. */
  @Get('keys')
  @Open()
  @Replies('The keys that the audit log had: each change signed by both keys, with the proof that it is an entry of the log', governanceCalls.logKeys.reply)
  async keys(@Res() reply: FastifyReply): Promise<void> {
    const keys = await this.log.keys();
    await reply.header('cache-control', 'public, max-age=2').header('access-control-allow-origin', '*').type('application/json; charset=utf-8').send(JSON.stringify(keys));
  }

  /** Errors: NOT_FOUND beyond the log. */
  @Get('tile/*')
  @Open()
  @RepliesBytes('A tile of hashes, or a bundle of public entries: it never changes')
  async tile(@Param('*', { schema: tilePathText }) path: string, @Res() reply: FastifyReply): Promise<void> {
    const bytes = await this.log.tile(`tile/${path}`);
    await reply.header('cache-control', 'public, max-age=31536000, immutable').header('access-control-allow-origin', '*').type('application/octet-stream').send(bytes);
  }
}
