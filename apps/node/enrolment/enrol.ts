import { sign } from 'node:crypto';
import { request as httpRequest } from 'undici';
import { z } from 'zod';
import { enrolmentBytes, enrolmentReply, enrolmentRequest, failure, failureFromWire } from '#protocol';
import type { NodeKeys } from '../keys/node-keys.js';
import { enrolmentUrl } from './hub-url.js';

export type EnrolmentRequest = z.output<typeof enrolmentRequest>;
export type Enrolment = z.output<typeof enrolmentReply>;

/** What the node says of itself. */
export type NodeDescription = Pick<EnrolmentRequest, 'name' | 'payoutAddress' | 'facts' | 'asks' | 'publicUrl'>;

/** An enrolment request, signed with the identity key. */
export function signedEnrolment(token: string, keys: NodeKeys, description: NodeDescription): EnrolmentRequest {
  const unsigned = { token, ...description, publicKey: keys.publicKey, natsPublicKey: keys.natsPublicKey };
  return { ...unsigned, signature: sign(null, enrolmentBytes(unsigned), keys.identity).toString('base64') };
}

/** Exchanges a token for a place in the network. Errors: those of the hub (ENROLMENT_INVALID, …), SERVICE_UNAVAILABLE, REQUEST_INVALID. */
export async function enrol(hub: string, request: EnrolmentRequest): Promise<Enrolment> {
  const url = enrolmentUrl(hub);
  const body = JSON.stringify(z.encode(enrolmentRequest, request));
  const response = await httpRequest(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body }).catch((error: unknown) => {
    throw failure('SERVICE_UNAVAILABLE', `the hub at ${url} does not answer`, {}, error);
  });
  const answer = await response.body.json().catch(() => undefined);
  if (response.statusCode >= 300) throw refusalOf(answer, response.statusCode);
  const parsed = enrolmentReply.safeParse(answer);
  if (!parsed.success) throw failure('SERVICE_UNAVAILABLE', `${url} is not a hub: it answered something else`);
  return parsed.data;
}

const refusalShape = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

function refusalOf(answer: unknown, status: number): Error {
  const told = refusalShape.safeParse(answer).data?.error;
  return told === undefined ? failure('SERVICE_UNAVAILABLE', `the hub answered ${status}`) : failureFromWire(told.code, told.message, { status });
}
