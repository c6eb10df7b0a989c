import { z } from 'zod';
import { failure } from '#protocol';
import type { ClaimedLine } from '#protocol';
import { checkJsonShape } from '../http/json-shape.js';
import type { ImageInliner } from '../images/inline-images.js';
import { moderationRequest, parseModeration } from '../media/moderation-request.js';
import { chatRequest, parseChat } from '../openai/chat-request.js';
import { completionsRequest, parseCompletions } from '../openai/completions-request.js';
import { embeddingsRequest, parseEmbeddings } from '../openai/embeddings-request.js';
import type { ParsedRequest } from '../openai/parsed-request.js';
import type { PlannedResponses } from '../responses/planned-responses.js';
import { assertNoConversation, responseRequest } from '../responses/response-request.js';
import type { ResponseRequest } from '../responses/response-request.js';
import { toChat } from '../responses/to-chat.js';
import { toResponse } from '../responses/to-response.js';

const line = z.object({ custom_id: z.string(), body: z.unknown() });

/** A line of an input file. Its form was checked when the batch was made. */
export function readLine(bytes: Buffer): { customId: string; body: unknown } {
  const { custom_id: customId, body } = line.parse(JSON.parse(bytes.toString('utf8')));
  return { customId, body };
}

/** What bodies of lines are read with. */
export interface LineReaders {
  readonly images: Pick<ImageInliner, 'inline'>;
  readonly responses: Pick<PlannedResponses, 'goingOn'>;
}

/** The body of a line, checked as if it had come by itself; `bytes`: what it stands in. Errors: REQUEST_INVALID, URL_REFUSED, NOT_FOUND of an earlier response. */
export async function parseLineBody(line: Pick<ClaimedLine, 'endpoint' | 'tenant' | 'project' | 'record' | 'declared'>, bytes: Buffer, body: unknown, { images, responses }: LineReaders): Promise<ParsedRequest> {
  checkJsonShape(bytes);
  switch (line.endpoint) {
    case 'embeddings':
      return parseEmbeddings(checked(embeddingsRequest, body));
    case 'chat.completions':
      return parseChat(images.inline(checked(chatRequest, body)));
    case 'completions':
      return parseCompletions(checked(completionsRequest, body));
    case 'moderations':
      return parseModeration(checked(moderationRequest, body));
    case 'responses':
      return parseResponse(line, checked(responseRequest, body), { images, responses });
  }
}

/** A line's response is in the batch's output and nowhere else. */
async function parseResponse({ tenant, project, record, declared }: Pick<ClaimedLine, 'tenant' | 'project' | 'record' | 'declared'>, request: ResponseRequest, { images, responses }: LineReaders): Promise<ParsedRequest> {
  if (request.background === true) throw failure('REQUEST_INVALID', 'a line of a batch waits already: leave "background" out', { param: 'background' });
  assertNoConversation(request);
  const { whole, before } = await responses.goingOn({ tenant, project }, record, request);
  // An erasure finds the batch's files by whom the batch is about, and nobody else.
  if (before?.persons?.some((person) => person !== declared.subject)) throw failure('REQUEST_INVALID', `the response "${request.previous_response_id!}" is about somebody whom the batch does not declare: go on from it in a batch that is declared to be about that person alone (x-mizan-subject), or outside of batches`, { param: 'previous_response_id' });
  const chat = parseChat(images.inline(checked(chatRequest, toChat(whole))));
  return { ...chat, adapt: (answer) => toResponse(record, request, { isStored: false }, answer), ...(before && { classAtLeast: before.dataClass }) };
}

export function checked<S extends z.ZodType>(shape: S, body: unknown): z.output<S> {
  const read = shape.safeParse(body);
  if (read.success) return read.data;
  const { path, message } = read.error.issues[0]!;
  throw failure('REQUEST_INVALID', `${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`, { param: path.join('.') || null });
}
