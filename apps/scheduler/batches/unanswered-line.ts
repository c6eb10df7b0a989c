import { lineRecord } from './line-record.js';

const messages: Readonly<Record<string, string>> = {
  batch_expired: 'This request could not be executed before the completion window expired.',
  batch_cancelled: 'This request was not executed: the batch was cancelled.',
  api_key_revoked: 'This request was not executed: the API key of the batch may not run it any more.',
  answer_lost: 'This request was executed and charged, and its answer was lost with the process that held it.',
};

/** The line of an error file for a request without an answer, with its end. */
export function unansweredLine(batch: string, line: number, input: Buffer, reason: string): string {
  const { custom_id: customId } = JSON.parse(input.toString('utf8')) as { custom_id: string };
  const id = `batch_req_${lineRecord(batch, line, 0).replaceAll('-', '')}`;
  const error = { code: reason, message: messages[reason] ?? 'This request could not be executed; no machine could run it.' };
  return `${JSON.stringify({ id, custom_id: customId, response: null, error })}\n`;
}
