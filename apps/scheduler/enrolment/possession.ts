import type { z } from 'zod';
import { enrolmentBytes, isSignedBy } from '#protocol';
import type { enrolmentRequest } from '#protocol';

export type EnrolmentRequest = z.output<typeof enrolmentRequest>;

/** Whether who asks holds the private half of the identity key that the request names. */
export function provesPossession(request: EnrolmentRequest): boolean {
  const { signature, ...unsigned } = request;
  return isSignedBy(request.publicKey, enrolmentBytes(unsigned), signature);
}
