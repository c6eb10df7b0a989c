import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { ck, loadCryptoki, type Attribute, type Cryptoki, type Mechanism } from './cryptoki.js';

const { attribute, error, flags } = ck;
const known: readonly number[] = [attribute.class, attribute.keyType, attribute.label, attribute.id];

/** `CK_RV` as `pkcs11js` throws it. */
class CryptokiError extends Error {
  constructor(readonly code: number) {
    super(`CKR 0x${code.toString(16)}`);
  }
}

interface Session {
  readonly writes: boolean;
  found: Buffer[] | undefined;
  begun: { readonly mechanism: Mechanism; readonly key: Buffer; readonly isSealing: boolean } | undefined;
}

/** The rules of PKCS#11 v2.40 as far as they are used: one token, sessions, a log-in that ends with the last session, one operation at a time in each. */
export class LocalHsm implements Cryptoki {
  /** What every opening of a session answers instead. */
  broken: number | undefined;
  open = 0;
  readonly templates: Attribute[][] = [];
  private isInitialised = false;
  private isLoggedIn = false;
  private handles = 0;
  private readonly sessions = new Map<string, Session>();
  private readonly objects = new Map<string, { readonly attributes: Map<number, unknown>; readonly value: Buffer }>();

  constructor(
    private readonly label: string,
    private readonly pin: string,
  ) {}

  load(): void {}

  C_Initialize(): void {
    if (this.isInitialised) throw new CryptokiError(error.initialized);
    this.isInitialised = true;
  }

  C_Finalize(): void {
    this.sessions.clear();
    [this.isInitialised, this.isLoggedIn, this.open] = [false, false, 0];
  }

  C_GetSlotList(): Buffer[] {
    if (!this.isInitialised) throw new CryptokiError(error.notInitialized);
    return [Buffer.from('empty'), Buffer.from('slot')];
  }

  C_GetTokenInfo(slot: Buffer): { label: string } {
    return { label: (String(slot) === 'slot' ? this.label : '').padEnd(32) };
  }

  C_OpenSession(_slot: Buffer, wanted: number): Buffer {
    if (this.broken !== undefined) throw new CryptokiError(this.broken);
    if ((wanted & flags.serial) === 0) throw new CryptokiError(0xb4);
    const handle = this.handle();
    this.sessions.set(handle.toString('hex'), { writes: (wanted & flags.rw) !== 0, found: undefined, begun: undefined });
    this.open += 1;
    return handle;
  }

  C_CloseSession(session: Buffer): void {
    this.at(session);
    this.sessions.delete(session.toString('hex'));
    this.open -= 1;
    if (this.open === 0) this.isLoggedIn = false;
  }

  C_Login(session: Buffer, userType: number, pin: string): void {
    this.at(session);
    if (this.isLoggedIn) throw new CryptokiError(error.loggedIn);
    if (userType !== ck.user || pin !== this.pin) throw new CryptokiError(0xa0);
    this.isLoggedIn = true;
  }

  C_FindObjectsInit(session: Buffer, template: Attribute[]): void {
    const matches = (attributes: Map<number, unknown>): boolean => template.every(({ type, value }) => attributes.get(type) === value);
    this.at(session).found = [...this.objects].filter(([, { attributes }]) => this.isLoggedIn && matches(attributes)).map(([handle]) => Buffer.from(handle, 'hex'));
  }

  C_FindObjects(session: Buffer, max: number): Buffer[] {
    const { found } = this.at(session);
    if (found === undefined) throw new CryptokiError(0x91);
    return found.slice(0, max).reverse();
  }

  C_FindObjectsFinal(session: Buffer): void {
    this.at(session).found = undefined;
  }

  C_GetAttributeValue(session: Buffer, object: Buffer, template: Attribute[]): { type: number; value: Buffer }[] {
    this.at(session);
    return template.map(({ type }) => {
      if (!known.includes(type)) throw new CryptokiError(0x11);
      return { type, value: Buffer.from(this.objects.get(object.toString('hex'))!.attributes.get(type) as Buffer) };
    });
  }

  C_GenerateKey(session: Buffer, { mechanism }: Mechanism, template: Attribute[]): Buffer {
    const { writes } = this.at(session);
    if (!this.isLoggedIn) throw new CryptokiError(0x101);
    if (!writes) throw new CryptokiError(0xb5);
    if (mechanism !== ck.mechanism.aesKeyGen) throw new CryptokiError(0x70);
    this.templates.push(template);
    const handle = this.handle();
    this.objects.set(handle.toString('hex'), { attributes: new Map(template.map(({ type, value }) => [type, value])), value: randomBytes(32) });
    return handle;
  }

  C_EncryptInit(session: Buffer, mechanism: Mechanism, key: Buffer): void {
    this.begin(session, mechanism, key, true);
  }

  C_DecryptInit(session: Buffer, mechanism: Mechanism, key: Buffer): void {
    this.begin(session, mechanism, key, false);
  }

  async C_EncryptAsync(session: Buffer, data: Buffer): Promise<Buffer> {
    const { key, parameter } = this.end(session, true);
    await Promise.resolve();
    const cipher = createCipheriv('aes-256-gcm', key, parameter.iv).setAAD(parameter.aad);
    return Buffer.concat([cipher.update(data), cipher.final(), cipher.getAuthTag()]);
  }

  async C_DecryptAsync(session: Buffer, data: Buffer): Promise<Buffer> {
    const { key, parameter } = this.end(session, false);
    await Promise.resolve();
    const decipher = createDecipheriv('aes-256-gcm', key, parameter.iv).setAAD(parameter.aad).setAuthTag(data.subarray(-16));
    try {
      return Buffer.concat([decipher.update(data.subarray(0, -16)), decipher.final()]);
    } catch {
      throw new CryptokiError(0x40);
    }
  }

  private begin(session: Buffer, mechanism: Mechanism, key: Buffer, isSealing: boolean): void {
    const at = this.at(session);
    if (at.begun !== undefined) throw new CryptokiError(0x90);
    if (mechanism.mechanism !== ck.mechanism.aesGcm || mechanism.parameter?.ivBits !== 96 || mechanism.parameter.tagBits !== 128) throw new CryptokiError(0x71);
    at.begun = { mechanism, key, isSealing };
  }

  private end(session: Buffer, isSealing: boolean): { key: Buffer; parameter: NonNullable<Mechanism['parameter']> } {
    const at = this.at(session);
    const { begun } = at;
    if (begun?.isSealing !== isSealing) throw new CryptokiError(0x91);
    at.begun = undefined;
    return { key: this.objects.get(begun.key.toString('hex'))!.value, parameter: begun.mechanism.parameter! };
  }

  private at(session: Buffer): Session {
    const found = this.sessions.get(session.toString('hex'));
    if (found === undefined) throw new CryptokiError(error.sessionInvalid);
    return found;
  }

  private handle(): Buffer {
    const handle = Buffer.alloc(8);
    handle.writeUInt32LE((this.handles += 1));
    return handle;
  }
}

/** `MIZAN_TEST_PKCS11=library:token:pin` puts a real one in its place, with `pkcs11js` installed. */
export function testHsm(): { cryptoki: Cryptoki; token: string; pin: string } {
  const [library, token, pin] = process.env['MIZAN_TEST_PKCS11']?.split(':') ?? [];
  if (library !== undefined && token !== undefined && pin !== undefined) return { cryptoki: loadCryptoki(library), token, pin };
  return { cryptoki: new LocalHsm('mizan', '1234'), token: 'mizan', pin: '1234' };
}
