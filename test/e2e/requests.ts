import { embeddedModel } from '../../apps/node/engine/embedding-request.js';
import { eventually, Hopeless } from './eventually.js';
import type { Answer, RestApi } from './rest-api.js';

export { embeddedModel };

/** An entry of the log as `/v1/records/:id` gives it to its own organisation. */
export interface RecordEntry {
  readonly index: number;
  readonly id: string;
  readonly type: string;
  readonly body: { readonly fields: RecordFields } | null;
}

/** The fields that these tests look at. Amounts are decimal text in nanos. */
export interface RecordFields {
  readonly dataClass: string;
  readonly findings: readonly { readonly kind: string; readonly count: number }[];
  readonly policyVersion: number;
  readonly policies: readonly { readonly id: string; readonly reason: string | null }[];
  readonly requestHash: string;
  readonly responseHash: string | null;
  readonly holdNanos: string;
  readonly chargeNanos: string;
  readonly outcome: string;
  readonly closedBy: string;
  readonly usageSource: string;
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number };
  readonly receipt: { readonly bytes: string; readonly signature: string } | null;
  readonly attempts: readonly { readonly node: string; readonly outcome: string; readonly code?: string }[];
  readonly decision: string;
  /** Of a reused answer: the record under which it was first given. */
  readonly answerOf: string;
  readonly refusal: { readonly code: string };
  readonly machine: { readonly node: string; readonly name: string; readonly region: string; readonly jurisdiction: string };
}

/** Embeds a text by plain HTTP, with headers of the caller's choice. */
export function embed(api: RestApi, input: string | readonly string[], headers: Record<string, string> = {}): Promise<Answer> {
  return api.send('POST', '/v1/embeddings', { model: embeddedModel, input }, headers);
}

/** The record that an answer names. Error: what was answered, when it names none. */
export function recordIn({ headers, status, bytes }: Answer): string {
  const record = headers.get('x-mizan-record');
  if (record === null) throw new Error(`the answer names no record: ${status} ${bytes.toString('utf8').slice(0, 500)}`);
  return record;
}

const ends: readonly string[] = ['completed', 'refused', 'reused', 'voided'];

/** A record's fields by the type of its entries, once its end is in the log. */
export async function recordOf(api: RestApi, id: string, patienceMs?: number): Promise<Partial<Record<'admitted' | 'completed' | 'refused' | 'reused' | 'voided', RecordFields>>> {
  const entries = await eventually(`the end of record ${id} in the log`, async (saw) => {
    const { status, json } = await api.send('GET', `/v1/records/${id}`);
    saw(json);
    if (status === 404) return undefined;
    if (status !== 200) throw new Hopeless(`GET /v1/records/${id}: ${status} ${JSON.stringify(json)}`);
    const { entries } = json as { entries: readonly RecordEntry[] };
    return entries.some(({ type }) => ends.includes(type)) ? entries : undefined;
  }, patienceMs);
  return Object.fromEntries(entries.map(({ type, body }) => [type, body?.fields]));
}

/** Where an answered request ran. */
export async function machineOf(api: RestApi, answer: Answer): Promise<RecordFields['machine']> {
  const { completed } = await recordOf(api, recordIn(answer));
  if (completed === undefined) throw new Error(`record ${recordIn(answer)} was not completed`);
  return completed.machine;
}
