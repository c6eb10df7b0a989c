import { failure } from '#protocol';
import type { DigestSigner } from './digest-signer.js';
import { addressOfSpki, signatureOfDer } from './ecdsa-der.js';

/** Where the service is, if not where its region says: a compatible one, or one's own. */
export interface KmsOptions {
  readonly endpoint?: string | undefined;
}

/** Attempts of one request; the client waits between them. */
const attemptsMax = 3;

/**
 * A key in AWS KMS or a service of the same interface: `keyId` is its id, ARN or alias, of spec ECC_SECG_P256K1 for SIGN_VERIFY. Region and
 * credentials come from the environment or the machine's role, as for every AWS client. Errors: SERVICE_UNAVAILABLE.
 */
export async function kmsSigner(keyId: string, { endpoint }: KmsOptions = {}): Promise<DigestSigner> {
  // Loaded where it is used: who keeps no key there does without.
  const { GetPublicKeyCommand, KMSClient, SignCommand } = await import('@aws-sdk/client-kms');
  const client = new KMSClient({ maxAttempts: attemptsMax, ...(endpoint === undefined ? {} : { endpoint }) });
  const asking = async <T>(what: string, question: () => Promise<T | undefined>): Promise<T> => {
    try {
      const answer = await question();
      if (answer !== undefined) return answer;
    } catch (error) {
      throw failure('SERVICE_UNAVAILABLE', `the key management service refused to ${what} with key ${keyId}: ${(error as Error).name}`, {}, error);
    }
    throw failure('SERVICE_UNAVAILABLE', `the key management service gave no answer to ${what} with key ${keyId}`);
  };
  const spki = await asking('show the public key', async () => (await client.send(new GetPublicKeyCommand({ KeyId: keyId }))).PublicKey);
  const address = addressOfSpki(spki);
  return {
    address,
    async sign(digest) {
      const order = { KeyId: keyId, Message: Buffer.from(digest.slice(2), 'hex'), MessageType: 'DIGEST', SigningAlgorithm: 'ECDSA_SHA_256' } as const;
      return signatureOfDer(await asking('sign', async () => (await client.send(new SignCommand(order))).Signature), digest, address);
    },
  };
}
