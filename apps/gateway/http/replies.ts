import { HttpCode, SetMetadata, applyDecorators } from '@nestjs/common';
import { z } from 'zod';

/** What an endpoint answers when all goes well; the document is written and answers are encoded from it. */
export interface ReplyShape {
  readonly schema: z.ZodType;
  readonly status: number;
  readonly summary: string;
  /** JSON when left out. */
  readonly contentType?: string;
}

export const replyMetadata = 'mizan:reply';

/** Declares an endpoint's answer. */
export const Replies = (summary: string, schema: z.ZodType, status = 200): MethodDecorator =>
  applyDecorators(SetMetadata<string, ReplyShape>(replyMetadata, { schema, status, summary }), HttpCode(status));

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
