import { generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { createUser } from '@nats-io/nkeys';
import { enrolmentBytes } from '#protocol';
import type { EnrolmentRequest } from './enrolment/possession.js';

export const frankfurt = { region: 'eu-frankfurt', country: 'DE', jurisdiction: 'EU' };

/** A provider's machine as tests have it: its keys and what it says. */
export class Machine {
  readonly identity = generateKeyPairSync('ed25519');
  private readonly user = createUser();
  readonly seed = this.user.getSeed();

  request(token: string, more: Partial<EnrolmentRequest> = {}, key: KeyObject = this.identity.privateKey): EnrolmentRequest {
    const unsigned = {
      token,
      name: 'machine',
      publicKey: this.identity.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex'),
      natsPublicKey: this.user.getPublicKey(),
      payoutAddress: '0x00000000000000000000000000000000000000aa',
      facts: frankfurt,
      asks: [{ model: 'm', endpoints: ['embeddings' as const], capacity: 4, inputNanosPerMillion: 20_000_000n, outputNanosPerMillion: 0n }],
      ...more,
    };
    return { ...unsigned, signature: sign(null, enrolmentBytes(unsigned), key).toString('base64') };
  }
}
