import { verify } from 'node:crypto';
import type { z } from 'zod';
import { ed25519PublicKey, enrolmentBytes } from '#protocol';
import type { enrolmentRequest } from '#protocol';

export type EnrolmentRequest = z.output<typeof enrolmentRequest>;

/** Whether who asks holds the private half of the identity key that the request names. */
export function provesPossession(request: EnrolmentRequest): boolean {
  const { signature, ...unsigned } = request;
  try {
    return verify(null, enrolmentBytes(unsigned), ed25519PublicKey(request.publicKey), Buffer.from(signature, 'base64'));
  } catch {
    return false;
  }
}
