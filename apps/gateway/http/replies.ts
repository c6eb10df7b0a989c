import { HttpCode, SetMetadata, applyDecorators } from '@nestjs/common';
import type { z } from 'zod';

/** What an endpoint answers when all goes well; the document is written and answers are encoded from it. */
export interface ReplyShape {
  readonly schema: z.ZodType;
  readonly status: number;
  readonly summary: string;
}

export const replyMetadata = 'mizan:reply';

/** Declares an endpoint's answer. */
export const Replies = (summary: string, schema: z.ZodType, status = 200): MethodDecorator =>
  applyDecorators(SetMetadata<string, ReplyShape>(replyMetadata, { schema, status, summary }), HttpCode(status));

export const streamsMetadata = 'mizan:streams';

/** Declares that an endpoint answers with server-sent events when the body says `stream: true`. */
export const Streams = (): MethodDecorator => SetMetadata(streamsMetadata, true);
