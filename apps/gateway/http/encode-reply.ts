import { Injectable } from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { map } from 'rxjs';
import type { Observable } from 'rxjs';
import { z } from 'zod';
import { replyMetadata } from './reply-shape.js';
import type { ReplyShape } from './reply-shape.js';

/** Turns an answer into its wire form (amounts as decimal strings) and leaves out whatever is not declared. */
@Injectable()
export class EncodeReply implements NestInterceptor {
  constructor(private readonly reflector: Reflector) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const shape = this.reflector.get<ReplyShape | undefined>(replyMetadata, context.getHandler());
    return next.handle().pipe(map((value: unknown) => (shape && value !== undefined ? z.encode(shape.schema, value) : value)));
  }
}
