import { createHash, timingSafeEqual } from 'node:crypto';
import { request, type Dispatcher } from 'undici';
import { z } from 'zod';
import { failure, type KmsAddress } from '#protocol';
import type { KeyManager } from './key-manager.js';

/** For one question, its answer included. */
const timeoutMs = 5_000;
/** A wrapped key is some 150 characters; errors are short. */
const answerBytesMax = 64 * 1024;

const wrappedAnswer = z.object({ data: z.object({ ciphertext: z.string().regex(/^vault:v\d+:/).max(4_096) }) });
const openedAnswer = z.object({ data: z.object({ plaintext: z.base64() }) });
const keyAnswer = z.object({ data: z.object({ latest_version: z.int().positive() }) });

/**
 * A KMS that speaks the API of Vault's transit engine (HashiCorp Vault, OpenBao). Transit's `rewrap` takes no associated data, so what binds a key to
 * its place goes inside: SHA-256 of the context ‖ the key.
 */
export class VaultTransit implements KeyManager {
  /** `target` judges the address before each question. */
  constructor(
    private readonly at: Pick<KmsAddress, 'url' | 'mount' | 'namespace'> & { readonly token: string },
    private readonly reach: { readonly dispatcher?: Dispatcher; readonly target: (url: string) => URL },
  ) {}

  async wrap(keyId: string, key: Uint8Array, context: string): Promise<string> {
    const plaintext = Buffer.concat([digest(context), key]).toString('base64');
    return (await this.ask('POST', `encrypt/${keyId}`, wrappedAnswer, { plaintext })).data.ciphertext;
  }

  async unwrap(keyId: string, wrapped: string, context: string): Promise<Uint8Array> {
    const opened = Buffer.from((await this.ask('POST', `decrypt/${keyId}`, openedAnswer, { ciphertext: wrapped })).data.plaintext, 'base64');
    if (opened.length !== 64 || !timingSafeEqual(opened.subarray(0, 32), digest(context))) throw failure('KMS_REFUSED', 'a wrapped key is not where it belongs');
    return opened.subarray(32);
  }

  async rewrap(keyId: string, wrapped: string): Promise<string> {
    return (await this.ask('POST', `rewrap/${keyId}`, wrappedAnswer, { ciphertext: wrapped })).data.ciphertext;
  }

  async rotate(keyId: string): Promise<string> {
    await this.ask('POST', `keys/${keyId}/rotate`, z.unknown());
    return `v${(await this.ask('GET', `keys/${keyId}`, keyAnswer)).data.latest_version}`;
  }

  private async ask<T>(method: 'GET' | 'POST', path: string, answer: z.ZodType<T>, body?: object): Promise<T> {
    const url = this.reach.target(`${this.at.url.replace(/\/+$/, '')}/v1/${this.at.mount}/${path}`);
    const { status, text } = await this.send(method, url, body);
    if (status === 429 || status >= 500) throw failure('KMS_UNAVAILABLE', `the KMS at ${url.host} answered ${status}; try again later`);
    if (status >= 300) throw failure('KMS_REFUSED', `the KMS at ${url.host} answered ${status} to ${path}: check the key's name, the mount and what the token may do`);
    const parsed = answer.safeParse(text === '' ? undefined : jsonOf(text));
    if (!parsed.success) throw failure('KMS_REFUSED', `the KMS at ${url.host} gave no answer of a transit engine to ${path}`);
    return parsed.data;
  }

  private async send(method: 'GET' | 'POST', url: URL, body: object | undefined): Promise<{ status: number; text: string }> {
    const { token, namespace } = this.at;
    try {
      const answer = await request(url, {
        method,
        headers: { 'x-vault-token': token, 'x-vault-request': 'true', 'content-type': 'application/json', ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }) },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
        ...(this.reach.dispatcher === undefined ? {} : { dispatcher: this.reach.dispatcher }),
      });
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > answerBytesMax) throw new RangeError('the answer is too long');
        chunks.push(chunk);
      }
      return { status: answer.statusCode, text: Buffer.concat(chunks).toString('utf8') };
    } catch (cause) {
      throw failure('KMS_UNAVAILABLE', `the KMS at ${url.host} could not be asked; try again later`, {}, cause);
    }
  }
}

const digest = (context: string): Buffer => createHash('sha256').update(context).digest();

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
