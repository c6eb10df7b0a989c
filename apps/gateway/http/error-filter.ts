import { Catch, Logger } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { httpStatus } from '#protocol';
import { codeOf, errorAnswer, isUnexpected } from './openai-error.js';
import { drainedBytesMax } from './unread-body.js';

/** The one place where errors become HTTP answers. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger(ErrorFilter.name);

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    if (isUnexpected(error)) this.logger.error({ msg: 'request failed', record: request.id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    request.failedWith = codeOf(error);
    if (reply.sent) return;
    const { status, headers, contentType, body } = errorAnswer(error);
    if (status === httpStatus.tooLarge && Number(request.headers['content-length']) <= drainedBytesMax) reply.removeHeader('connection');
    void reply.code(status).headers(headers).type(contentType).send(body);
  }
}
