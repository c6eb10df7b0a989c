import { z } from 'zod';
import { failure } from '#protocol';
import type { ClaimedLine } from '#protocol';
import { checkJsonShape } from '../http/json-shape.js';
import type { ImageInliner } from '../images/inline-images.js';
import { chatRequest, parseChat } from '../openai/chat-request.js';
import { embeddingsRequest, parseEmbeddings } from '../openai/embeddings-request.js';
import type { ParsedRequest } from '../openai/parsed-request.js';

const line = z.object({ custom_id: z.string(), body: z.unknown() });

/** A line of an input file. Its form was checked when the batch was made. */
export function readLine(bytes: Buffer): { customId: string; body: unknown } {
  const { custom_id: customId, body } = line.parse(JSON.parse(bytes.toString('utf8')));
  return { customId, body };
}

/** The body of a line, checked as if it had come by itself; `line`: the bytes that it stands in. Errors: REQUEST_INVALID, URL_REFUSED. */
export async function parseLineBody(endpoint: ClaimedLine['endpoint'], line: Buffer, body: unknown, images: Pick<ImageInliner, 'inline'>): Promise<ParsedRequest> {
  checkJsonShape(line);
  switch (endpoint) {
    case 'embeddings':
      return parseEmbeddings(checked(embeddingsRequest, body));
    case 'chat.completions':
      return parseChat(await images.inline(checked(chatRequest, body), new AbortController().signal));
  }
}

function checked<S extends z.ZodType>(shape: S, body: unknown): z.output<S> {
  const read = shape.safeParse(body);
  if (read.success) return read.data;
  const { path, message } = read.error.issues[0]!;
  throw failure('REQUEST_INVALID', `${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`, { param: path.join('.') || null });
}
