import { createHash, randomBytes } from 'node:crypto';
import { failure } from '#protocol';
import { ck, type Cryptoki, type Mechanism } from './cryptoki.js';
import type { KeyManager } from './key-manager.js';

const { attribute, error, flags } = ck;
const ivBytes = 12;
const tagBytes = 16;
const versionsMax = 1_000;
/** The device, or the way to it: asked again later, from the beginning. */
const passing: readonly number[] = [error.hostMemory, error.deviceError, error.deviceMemory, error.deviceRemoved, error.sessionClosed, error.sessionCount, error.sessionInvalid, error.tokenNotPresent, error.notInitialized];

/** Where the keys are: the token by its label, and the PIN of its user. */
export interface TokenAddress {
  readonly token: string;
  readonly pin: string;
}

/**
 * A hardware security module behind PKCS#11. A key that wraps is an AES-256 key of the token, its label the key's name and its CKA_ID the version (four bytes,
 * the highest is in use); it is made there and cannot be taken out. Wrapped by CKM_AES_GCM, bound to name and context: `pkcs11:<version>:<base64 of IV ‖ ciphertext ‖ tag>`.
 */
export class Pkcs11Keys implements KeyManager {
  private isReady = false;

  constructor(
    private readonly cryptoki: Cryptoki,
    private readonly at: TokenAddress,
  ) {}

  wrap(keyId: string, key: Uint8Array, context: string): Promise<string> {
    return this.inSession(false, async (session) => {
      const { version, handle } = this.versions(session, keyId).at(-1) ?? missing(keyId);
      const iv = randomBytes(ivBytes);
      this.cryptoki.C_EncryptInit(session, gcm(iv, keyId, context), handle);
      const sealed = await this.cryptoki.C_EncryptAsync(session, Buffer.from(key), Buffer.alloc(key.length + tagBytes));
      return `pkcs11:${version}:${Buffer.concat([iv, sealed]).toString('base64')}`;
    });
  }

  async unwrap(keyId: string, wrapped: string, context: string): Promise<Uint8Array> {
    const [scheme, version, text = ''] = wrapped.split(':');
    const bytes = Buffer.from(text, 'base64');
    if (scheme !== 'pkcs11' || bytes.length < ivBytes + tagBytes) throw failure('KMS_REFUSED', 'a key was not wrapped by this HSM');
    return this.inSession(false, async (session) => {
      const found = this.versions(session, keyId).find((key) => String(key.version) === version) ?? missing(`${keyId}, version ${version}`);
      this.cryptoki.C_DecryptInit(session, gcm(bytes.subarray(0, ivBytes), keyId, context), found.handle);
      return this.cryptoki.C_DecryptAsync(session, bytes.subarray(ivBytes), Buffer.alloc(bytes.length));
    });
  }

  async rewrap(keyId: string, wrapped: string, context: string): Promise<string> {
    return this.wrap(keyId, await this.unwrap(keyId, wrapped, context), context);
  }

  rotate(keyId: string): Promise<string> {
    return this.inSession(true, (session) => {
      const version = (this.versions(session, keyId).at(-1)?.version ?? 0) + 1;
      const id = Buffer.alloc(4);
      id.writeUInt32BE(version);
      this.cryptoki.C_GenerateKey(session, { mechanism: ck.mechanism.aesKeyGen }, [
        { type: attribute.class, value: ck.secretKey },
        { type: attribute.keyType, value: ck.aes },
        { type: attribute.valueLength, value: 32 },
        { type: attribute.label, value: keyId },
        { type: attribute.id, value: id },
        ...[attribute.token, attribute.private, attribute.sensitive, attribute.encrypt, attribute.decrypt].map((type) => ({ type, value: true })),
        { type: attribute.extractable, value: false },
      ]);
      return Promise.resolve(`v${version}`);
    });
  }

  /** Keys of that name, oldest first. */
  private versions(session: Buffer, keyId: string): { version: number; handle: Buffer }[] {
    this.cryptoki.C_FindObjectsInit(session, [{ type: attribute.class, value: ck.secretKey }, { type: attribute.keyType, value: ck.aes }, { type: attribute.label, value: keyId }]);
    let handles: Buffer[];
    try {
      handles = this.cryptoki.C_FindObjects(session, versionsMax);
    } finally {
      this.cryptoki.C_FindObjectsFinal(session);
    }
    const found = handles.map((handle) => ({ handle, id: this.cryptoki.C_GetAttributeValue(session, handle, [{ type: attribute.id }])[0]!.value }));
    return found.filter(({ id }) => id.length === 4).map(({ id, handle }) => ({ version: id.readUInt32BE(), handle })).sort((a, b) => a.version - b.version);
  }

  /** A session of its own for each question: they may be asked side by side. */
  private async inSession<T>(writes: boolean, work: (session: Buffer) => Promise<T>): Promise<T> {
    try {
      const session = this.open(writes);
      try {
        return await work(session);
      } finally {
        this.close(session);
      }
    } catch (cause) {
      throw this.told(cause);
    }
  }

  private open(writes: boolean): Buffer {
    if (!this.isReady) known(() => this.cryptoki.C_Initialize(), error.initialized);
    const slot = this.cryptoki.C_GetSlotList(true).find((each) => this.cryptoki.C_GetTokenInfo(each).label.trimEnd() === this.at.token);
    if (slot === undefined) throw failure('KMS_UNAVAILABLE', `the HSM has no token with the label ${this.at.token}`);
    const session = this.cryptoki.C_OpenSession(slot, flags.serial | (writes ? flags.rw : 0));
    this.isReady = true;
    try {
      // The token forgets who was logged in when the last session is closed.
      known(() => this.cryptoki.C_Login(session, ck.user, this.at.pin), error.loggedIn);
    } catch (cause) {
      this.close(session);
      throw cause;
    }
    return session;
  }

  private close(session: Buffer): void {
    try {
      this.cryptoki.C_CloseSession(session);
    } catch {
      // It is closed.
    }
  }

  private told(cause: unknown): unknown {
    const code = (cause as { code?: unknown }).code;
    if (typeof code !== 'number') return cause;
    if (!passing.includes(code)) return failure('KMS_REFUSED', `the HSM refused (CK_RV 0x${code.toString(16)}): the PIN, the key's name, or what is wrapped is wrong`, {}, cause);
    this.startOver();
    return failure('KMS_UNAVAILABLE', `the HSM does not answer (CK_RV 0x${code.toString(16)}); try again later`, {}, cause);
  }

  private startOver(): void {
    this.isReady = false;
    try {
      this.cryptoki.C_Finalize();
    } catch {
      // It had not begun.
    }
  }
}

function missing(name: string): never {
  throw failure('KMS_REFUSED', `the HSM has no AES key with the label ${name}: make the first with mizan keys rotate --master, or give an existing one the CKA_ID 00000001`);
}

function gcm(iv: Buffer, keyId: string, context: string): Mechanism {
  return { mechanism: ck.mechanism.aesGcm, parameter: { type: ck.gcmParameters, iv, ivBits: ivBytes * 8, tagBits: tagBytes * 8, aad: createHash('sha256').update(`${keyId}|${context}`).digest() } };
}

/** What is so already is no error. */
function known(work: () => void, code: number): void {
  try {
    work();
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== code) throw cause;
  }
}
