import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { signatureOf } from '#testing';
import { signedS3 } from './s3-signature.js';

/** The examples of "Authenticating Requests: Using the Authorization Header" in the API reference of Amazon S3. */
const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: secret };
const host = 'examplebucket.s3.amazonaws.com';
const date = '20130524T000000Z';
const nowMs = Date.UTC(2013, 4, 24);
const authorization = (names: string, signature: string): string => `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=${names},Signature=${signature}`;
const empty = createHash('sha256').digest('hex');
const body = Buffer.from('Welcome to Amazon S3.');
const put = { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' };

describe('the check of the tests', () => {
  it.each([
    ['GET', '/test.txt', { range: 'bytes=0-9' }, empty, 'host;range;x-amz-content-sha256;x-amz-date', 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41'],
    ['PUT', '/test%24file.text', put, '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072', 'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class', '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd'],
    ['GET', '/?lifecycle', {}, empty, 'host;x-amz-content-sha256;x-amz-date', 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
    ['GET', '/?max-keys=2&prefix=J', {}, empty, 'host;x-amz-content-sha256;x-amz-date', '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
  ])('gives the signatures that are published: %s %s', (method, target, more, hash, names, signature) => {
    const headers = { host, 'x-amz-date': date, 'x-amz-content-sha256': hash, ...more, authorization: authorization(names, signature) };
    expect(signatureOf({ method, target, headers }, secret)).toMatchObject({ given: signature, expected: signature, scope: '20130524/us-east-1/s3/aws4_request' });
    expect(signatureOf({ method, target: `${target}x`, headers }, secret).expected).not.toBe(signature);
  });
});

describe('a signed request', () => {
  it.each([[body], [Buffer.alloc(0)], [Buffer.from('ü\u0000\n', 'utf8')]])('passes the check, with its port, its content and its session', async (bytes) => {
    const session = { ...credentials, sessionToken: 'token/of+a=session' };
    const url = new URL('http://127.0.0.1:9000/bucket/folder/00000000-0000-7000-8000-00000000000a/000000000000017.jsonl');
    const headers = await signedS3({ method: 'PUT', url, headers: { 'content-type': 'application/jsonl' }, body: bytes }, { region: 'eu-central-1', credentials: session, nowMs });
    const { given, expected, scope } = signatureOf({ method: 'PUT', target: url.pathname, headers }, secret);
    expect([given, scope]).toEqual([expected, '20130524/eu-central-1/s3/aws4_request']);
    expect(headers).toMatchObject({ host: '127.0.0.1:9000', 'x-amz-date': date, 'x-amz-security-token': session.sessionToken, 'x-amz-content-sha256': createHash('sha256').update(bytes).digest('hex') });
    expect(headers['authorization']).toMatch(/SignedHeaders=[^,]*content-type[^,]*x-amz-security-token/);
  });
});
