import { HttpException } from '@nestjs/common';
import { DomainError } from '#kernel';
import { errorCodes, failure, httpStatus, openAiErrorType } from '#protocol';
import type { ErrorCode } from '#protocol';
import { scrubbed } from './scrub.js';

/** An answer to a request that failed. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly body: string;
}

/** Refusals that no retry can change: clients would try three times. */
const finalCodes: ReadonlySet<string> = new Set(['TOKENS_OVER_LIMIT', 'BUDGET_EXHAUSTED', 'BUDGET_MISSING', 'SPEND_LIMIT_REACHED', 'POLICY_DENIED'] satisfies ErrorCode[]);

/** When a retry may help and nobody said when: seconds. */
const retryAfterSeconds: Partial<Record<ErrorCode, number>> = {
  NO_CAPACITY: 1,
  NODE_BUSY: 1,
  NO_OFFER: 3,
  NODE_UNREACHABLE: 3,
  RECORD_UNAVAILABLE: 2,
  SERVICE_UNAVAILABLE: 2,
  DATABASE_UNAVAILABLE: 2,
  CHAIN_UNAVAILABLE: 5,
  STARTING: 1,
};

/** The stable code under which an error is told. */
export const codeOf = (error: unknown): string => (error instanceof DomainError ? error : fromFramework(error)).code;

/** Maps any error to OpenAI's shape. What was not expected tells the caller nothing. */
export function errorAnswer(error: unknown): ErrorAnswer {
  const domain = error instanceof DomainError ? error : fromFramework(error);
  const headers: Record<string, string> = {};
  if (typeof domain.details['record'] === 'string') headers['x-mizan-record'] = domain.details['record'];
  Object.assign(headers, domain.details['headers'], retryHeaders(domain));
  if (finalCodes.has(domain.code) || domain.details.shouldRetry === false) headers['x-should-retry'] = 'false';
  const engine = engineAnswer(domain);
  if (engine) return { ...engine, headers };
  const { status } = domain.details;
  return {
    status: typeof status === 'number' && domain.code === 'REQUEST_INVALID' ? status : httpStatus[domain.kind],
    headers,
    contentType: 'application/json; charset=utf-8',
    body: JSON.stringify({ error: { message: domain.message, type: openAiErrorType[domain.kind], param: paramOf(domain), code: domain.code, ...shown(domain) } }),
  };
}

/** When to try again: to the millisecond when that is known. */
function retryHeaders({ code, details }: DomainError): Record<string, string> {
  const { retryAfterMs } = details;
  if (typeof retryAfterMs === 'number') return { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)), 'retry-after-ms': String(Math.ceil(retryAfterMs)) };
  const wait = retryAfterSeconds[code as ErrorCode];
  return wait === undefined ? {} : { 'retry-after': String(wait) };
}

/** What an engine said against the request itself, when it said so in OpenAI's shape: its four members, without addresses and credentials. */
function engineAnswer({ code, details }: DomainError): Omit<ErrorAnswer, 'headers'> | undefined {
  const { status, body } = details;
  if (code !== ('ENGINE_REFUSED' satisfies ErrorCode) || typeof status !== 'number' || typeof body !== 'string') return undefined;
  try {
    const error = (JSON.parse(body) as { error?: Record<string, unknown> } | null)?.error;
    if (typeof error?.['message'] !== 'string') return undefined;
    const told = (name: string): string | null => (typeof error[name] === 'string' ? scrubbed(error[name]) : null);
    const shown = { message: told('message'), type: told('type') ?? openAiErrorType.invalid, param: told('param'), code: told('code') };
    return { status, contentType: 'application/json; charset=utf-8', body: JSON.stringify({ error: shown }) };
  } catch {
    return undefined;
  }
}

function paramOf(error: DomainError): string | null {
  const { param } = error.details;
  return typeof param === 'string' ? param : null;
}

/** Details that help the caller to repair the request: nothing else of `details` leaves. */
function shown(error: DomainError): Record<string, unknown> {
  const { policies, problems } = error.details;
  return { ...(policies === undefined ? {} : { policies }), ...(problems === undefined ? {} : { problems }) };
}

function fromFramework(error: unknown): DomainError {
  if (!(error instanceof HttpException)) return failure('INTERNAL', 'something went wrong here; the request id helps to find it');
  switch (error.getStatus()) {
    case 400:
      return failure('JSON_INVALID', 'the body is not valid JSON');
    case 404:
      return failure('ROUTE_NOT_FOUND', 'there is no such route');
    case 413:
      return failure('BODY_TOO_LARGE', 'the body is too large');
    case 415:
      return failure('REQUEST_INVALID', 'send the body as content-type: application/json', { status: 415, param: 'content-type' });
    default:
      return failure(error.getStatus() < 500 ? 'REQUEST_INVALID' : 'INTERNAL', 'the request cannot be served');
  }
}

/** Whether an error is a defect of ours, to be logged with its stack. */
export function isUnexpected(error: unknown): boolean {
  if (error instanceof DomainError) return error.code === ('INTERNAL' satisfies keyof typeof errorCodes);
  return !(error instanceof HttpException) || error.getStatus() >= 500;
}
