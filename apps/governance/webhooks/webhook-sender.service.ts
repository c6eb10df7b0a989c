import { Injectable } from '@nestjs/common';
import { request } from 'undici';
import { Clock, DomainError } from '#kernel';
import { guardedAgent, outboundTarget } from '#outbound';
import { parseEnvelope, webhookSignature } from '#protocol';
import type { StoredEntry } from '../audit/entries.store.js';
import { Secrets } from '../secrets.js';

const answerMs = 15_000;

/** A message of Standard Webhooks. */
export interface Delivery {
  /** The same at every attempt: receivers drop what they have. */
  readonly id: string;
  readonly body: string;
}

/** Says that an entry is there, and what of it is public; its body is for those who may read it at the API. */
export function deliveryOf({ index, id, type, tenant, envelope }: StoredEntry, previous: number | null): Delivery {
  const { time } = parseEnvelope(envelope);
  const data = { index, previous, id, type, organisation: tenant, envelope: envelope.toString('base64') };
  return { id: `msg_${index}_${id}`, body: JSON.stringify({ type: `record.${type}`, timestamp: time, data }) };
}

/** Sends a signed message to an address that strangers gave. */
@Injectable()
export class WebhookSender {
  private readonly agent: ReturnType<typeof guardedAgent>;

  constructor(
    private readonly secrets: Secrets,
    private readonly clock: Clock,
  ) {
    this.agent = guardedAgent(secrets.webhookAllowed);
  }

  /** Null when the receiver has it, else why not, as its owner may read it: nothing of what is behind an address. Nothing is sent unsigned. */
  async send(url: string, keys: readonly string[], { id, body }: Delivery): Promise<string | null> {
    const timestamp = Math.floor(this.clock.nowMs() / 1_000);
    try {
      const target = outboundTarget(url, this.secrets.webhookAllowed);
      const headers = { 'content-type': 'application/json', 'user-agent': 'mizan-webhooks/1', 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': webhookSignature(keys, id, timestamp, body) };
      const answer = await request(target, { method: 'POST', dispatcher: this.agent, headers, body, signal: AbortSignal.timeout(answerMs) });
      // A body that never ends is of no interest.
      answer.body.on('error', () => undefined).destroy();
      return answer.statusCode >= 200 && answer.statusCode < 300 ? null : `it answered ${answer.statusCode}`;
    } catch (error) {
      const known = [error, (error as { cause?: unknown } | null)?.cause].find((one) => one instanceof DomainError);
      return known instanceof DomainError ? known.message : 'it could not be reached in time';
    }
  }
}
