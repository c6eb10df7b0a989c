import { HttpCode, SetMetadata, UseInterceptors, applyDecorators } from '@nestjs/common';
import { ROUTE_ARGS_METADATA, RouteParamtypes } from '@nestjs/common/internal';
import { z } from 'zod';
import { EncodeReply } from './encode-reply.js';
import { replyMetadata } from './reply-shape.js';
import type { ReplyShape } from './reply-shape.js';

export { replyMetadata };
export type { ReplyShape };

/** Declares an endpoint's answer. What it returns is encoded by that; an endpoint that takes `@Res()` sends by itself. */
export const Replies = (summary: string, schema: z.ZodType, status = 200): MethodDecorator =>
  applyDecorators(SetMetadata<string, ReplyShape>(replyMetadata, { schema, status, summary }), HttpCode(status), encodesWhatIsReturned);

const encodes = UseInterceptors(EncodeReply);

/** One interceptor costs a request some 40 µs, of which requests for inference have none to give. */
const encodesWhatIsReturned: MethodDecorator = (target, name, descriptor) => {
  const parameters = Object.keys((Reflect.getMetadata(ROUTE_ARGS_METADATA, target.constructor, name) ?? {}) as object);
  if (!parameters.some((key) => key.startsWith(`${RouteParamtypes.RESPONSE}:`))) encodes(target, name, descriptor);
};

/** Declares an answer of bytes. */
export const RepliesBytes = (summary: string, contentType = 'application/octet-stream'): MethodDecorator => SetMetadata<string, ReplyShape>(replyMetadata, { schema: z.string(), status: 200, summary, contentType });

/** Declares an answer of comma-separated values. */
export const RepliesCsv = (summary: string): MethodDecorator => SetMetadata<string, ReplyShape>(replyMetadata, { schema: z.string(), status: 200, summary, contentType: 'text/csv' });

export const formMetadata = 'mizan:form';

/** Declares the form that an endpoint reads as it comes: `multipart/form-data`. */
export const ReadsForm = (shape: z.ZodType): MethodDecorator => SetMetadata<string, z.ZodType>(formMetadata, shape);

export const streamsMetadata = 'mizan:streams';

/** Declares that an endpoint answers with server-sent events when the body says `stream: true`. */
export const Streams = (): MethodDecorator => SetMetadata(streamsMetadata, true);
