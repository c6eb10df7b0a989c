import OpenAI, { APIError } from 'openai';
import type { LabelledMail } from './corpus.js';
import { mailText } from './mail.js';
import { inParallel } from './sample-api.js';

/** What became of one message. */
export interface SentMail {
  readonly mail: LabelledMail;
  /** Id of the record that holds the decision; null when the request never got that far. */
  readonly record: string | null;
  readonly outcome: 'ok' | 'refused' | 'failed';
  readonly vector: readonly number[] | null;
  /** What the API said; empty when all went well. */
  readonly message: string;
}

/** Enough to keep a handful of machines busy. */
const concurrency = 8;

/** Embeds every message by a request of its own through the OpenAI client, as any application would. */
export async function sendMail(
  target: { api: string; key: string; model: string },
  mails: readonly LabelledMail[],
  onDone: (sent: SentMail) => void,
): Promise<SentMail[]> {
  const client = new OpenAI({
    apiKey: target.key,
    baseURL: `${target.api}/v1`,
    defaultHeaders: { 'x-mizan-purpose': 'mail-classification' },
    maxRetries: 6,
    timeout: 150_000,
  });
  return inParallel(mails, concurrency, async (mail) => {
    const sent = await sendOne(client, target.model, mail);
    onDone(sent);
    return sent;
  });
}

async function sendOne(client: OpenAI, model: string, mail: LabelledMail): Promise<SentMail> {
  try {
    const request = client.embeddings.create({ model, input: mailText(mail) }, { headers: { 'x-mizan-tags': `sender:${mail.sender}` } });
    const { data, response } = await request.withResponse();
    return { mail, record: response.headers.get('x-mizan-record'), outcome: 'ok', vector: data.data[0]?.embedding ?? null, message: '' };
  } catch (error) {
    if (!(error instanceof APIError)) throw error;
    const record = (error.headers as Headers | undefined)?.get('x-mizan-record') ?? null;
    return { mail, record, outcome: error.code === 'POLICY_DENIED' ? 'refused' : 'failed', vector: null, message: `${error.code ?? error.name}: ${error.message}` };
  }
}
