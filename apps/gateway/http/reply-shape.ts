import type { z } from 'zod';

/** What an endpoint answers when all goes well; the document is written and answers are encoded from it. */
export interface ReplyShape {
  readonly schema: z.ZodType;
  readonly status: number;
  readonly summary: string;
  /** JSON when left out. */
  readonly contentType?: string;
}

export const replyMetadata = 'mizan:reply';
