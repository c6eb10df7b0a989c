import { hash } from 'node:crypto';
import { canonicalJson } from '#kernel';
import { openReceipt } from '#protocol';
import type { SignedReceipt, Usage } from '#protocol';
import type { JobRequest } from './job.js';
import { protocolError } from './version.js';

const sha256 = (bytes: Uint8Array): string => hash('sha256', bytes);

/** Accepts a receipt only if the job's node signed it over exactly this job, its body, the answer's hash and this usage. Error: NODE_PROTOCOL. */
export function checkReceipt(receipt: SignedReceipt, job: JobRequest, responseHash: string, usage: Usage): void {
  const body = openReceipt(receipt, job.nodePublicKey);
  if (body === undefined) throw protocolError("the receipt is not signed by the node's identity key");
  const expected: Record<string, unknown> = {
    record: job.record,
    node: job.node,
    offer: job.offer,
    model: job.model,
    endpoint: job.endpoint,
    requestHash: sha256(job.body),
    responseHash,
  };
  const wrong = Object.keys(expected).filter((name) => body[name as keyof typeof body] !== expected[name]);
  if (canonicalJson(body.usage) !== canonicalJson(usage)) wrong.push('usage');
  if (wrong.length > 0) throw protocolError(`the receipt is about another job: ${wrong.join(', ')}`, { fields: wrong });
}
