import { HttpException } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { errorCodes, failure, httpStatus, openAiErrorType } from '#protocol';
import type { ErrorCode } from '#protocol';
import { errorAnswer, isUnexpected } from './openai-error.js';

const bodyOf = (error: unknown) => (JSON.parse(errorAnswer(error).body) as { error: Record<string, unknown> }).error;

describe('errors as the OpenAI clients read them', () => {
  it('have the four members, the stable code and the status of its kind, for every code', () => {
    for (const code of Object.keys(errorCodes) as ErrorCode[]) {
      const answer = errorAnswer(failure(code, 'said'));
      expect(bodyOf(failure(code, 'said'))).toEqual({ message: 'said', type: openAiErrorType[errorCodes[code]], param: null, code });
      expect(answer.status).toBe(httpStatus[errorCodes[code]]);
    }
  });

  it('tell clients not to retry a refusal, and when to retry what passes', () => {
    expect(errorAnswer(failure('BUDGET_EXHAUSTED', '')).headers).toEqual({ 'x-should-retry': 'false' });
    expect(errorAnswer(failure('SPEND_LIMIT_REACHED', '', { retryAfterMs: 3_600_000 }))).toMatchObject({ status: 402, headers: { 'x-should-retry': 'false', 'retry-after': '3600' } });
    expect(errorAnswer(failure('POLICY_DENIED', '')).headers).toEqual({ 'x-should-retry': 'false' });
    expect(Number(errorAnswer(failure('NO_CAPACITY', '')).headers['retry-after'])).toBeGreaterThan(0);
  });

  it('conformance 9: say a long wait as it is, and that it is one to wait for', () => {
    expect(errorAnswer(failure('RATE_LIMITED', '', { retryAfterMs: 121_000 }))).toMatchObject({ status: 429, headers: { 'retry-after': '121', 'retry-after-ms': '121000' } });
    expect(errorAnswer(failure('RATE_LIMITED', '', { retryAfterMs: 121_000 })).headers).not.toHaveProperty('x-should-retry');
  });

  it('name the record and the policies, and nothing else of the details', () => {
    const error = failure('POLICY_DENIED', 'no', { record: 'r', policies: [{ id: 'p', reason: 'why' }], secret: 'x' });
    expect(errorAnswer(error).headers['x-mizan-record']).toBe('r');
    expect(bodyOf(error)).toMatchObject({ policies: [{ id: 'p', reason: 'why' }] });
    expect(errorAnswer(error).body).not.toContain('secret');
  });

  it.each([
    [400, 400, 'JSON_INVALID'],
    [404, 404, 'ROUTE_NOT_FOUND'],
    [413, 413, 'BODY_TOO_LARGE'],
    [415, 415, 'REQUEST_INVALID'],
  ])('map the framework’s %i to %i %s', (from, status, code) => {
    expect(errorAnswer(new HttpException('x', from)).status).toBe(status);
    expect(bodyOf(new HttpException('x', from))['code']).toBe(code);
  });

  it("are the engine's own when it refused the request in the same shape, and ours when it did not", () => {
    const refused = (body: string) => errorAnswer(failure('ENGINE_REFUSED', 'refused', { status: 422, contentType: 'text/html', body, record: 'r' }));
    expect(refused('{"error":{"message":"too long"}}')).toEqual({ status: 422, headers: { 'x-mizan-record': 'r' }, contentType: 'application/json; charset=utf-8', body: '{"error":{"message":"too long","type":"invalid_request_error","param":null,"code":null}}' });
    for (const body of ['<html>', '{"message":"x"}', 'null', '7']) expect(refused(body)).toMatchObject({ status: 400, body: expect.stringContaining('ENGINE_REFUSED') as unknown });
  });

  it('tell nothing of what was not expected', () => {
    const error = new TypeError('connect ECONNREFUSED postgres://user:secret@db');
    expect(isUnexpected(error)).toBe(true);
    expect(errorAnswer(error)).toMatchObject({ status: 500 });
    expect(errorAnswer(error).body).not.toContain('secret');
  });
});
