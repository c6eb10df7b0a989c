import { createRequire } from 'node:module';

/** What is used of PKCS#11 v2.40, as the npm package `pkcs11js` gives it. Errors of its functions carry `CK_RV` as `code`. */
export interface Cryptoki {
  load(path: string): void;
  C_Initialize(): void;
  C_Finalize(): void;
  C_GetSlotList(tokenPresent: boolean): Buffer[];
  C_GetTokenInfo(slot: Buffer): { label: string };
  C_OpenSession(slot: Buffer, flags: number): Buffer;
  C_CloseSession(session: Buffer): void;
  C_Login(session: Buffer, userType: number, pin: string): void;
  C_FindObjectsInit(session: Buffer, template: Attribute[]): void;
  C_FindObjects(session: Buffer, max: number): Buffer[];
  C_FindObjectsFinal(session: Buffer): void;
  C_GetAttributeValue(session: Buffer, object: Buffer, template: Attribute[]): { type: number; value: Buffer }[];
  C_GenerateKey(session: Buffer, mechanism: Mechanism, template: Attribute[]): Buffer;
  C_EncryptInit(session: Buffer, mechanism: Mechanism, key: Buffer): void;
  C_EncryptAsync(session: Buffer, data: Buffer, room: Buffer): Promise<Buffer>;
  C_DecryptInit(session: Buffer, mechanism: Mechanism, key: Buffer): void;
  C_DecryptAsync(session: Buffer, data: Buffer, room: Buffer): Promise<Buffer>;
}

export interface Attribute {
  readonly type: number;
  readonly value?: number | boolean | string | Buffer;
}

export interface Mechanism {
  readonly mechanism: number;
  readonly parameter?: { readonly type: number; readonly iv: Buffer; readonly aad: Buffer; readonly ivBits: number; readonly tagBits: number };
}

/** Numbers of the standard's header, and `pkcs11js`'s own for the parameters of GCM. */
export const ck = {
  flags: { rw: 0x2, serial: 0x4 },
  user: 1,
  secretKey: 4,
  aes: 0x1f,
  attribute: { class: 0x0, token: 0x1, private: 0x2, label: 0x3, keyType: 0x100, id: 0x102, sensitive: 0x103, encrypt: 0x104, decrypt: 0x105, valueLength: 0x161, extractable: 0x162 },
  mechanism: { aesKeyGen: 0x1080, aesGcm: 0x1087 },
  gcmParameters: 7,
  error: { hostMemory: 0x2, deviceError: 0x30, deviceMemory: 0x31, deviceRemoved: 0x32, sessionClosed: 0xb0, sessionCount: 0xb1, sessionInvalid: 0xb3, tokenNotPresent: 0xe0, loggedIn: 0x100, notInitialized: 0x190, initialized: 0x191 },
} as const;

/** Error: TypeError when the package is not installed, or the library cannot be loaded. */
export function loadCryptoki(library: string): Cryptoki {
  let cryptoki: Cryptoki;
  try {
    const { PKCS11 } = createRequire(import.meta.url)('pkcs11js') as { PKCS11: new () => Cryptoki };
    cryptoki = new PKCS11();
  } catch (cause) {
    throw new TypeError('GOVERNANCE_PKCS11_MODULE is set and the package pkcs11js is not there: npm install pkcs11js (it is compiled for this machine)', { cause });
  }
  try {
    cryptoki.load(library);
  } catch (cause) {
    throw new TypeError(`GOVERNANCE_PKCS11_MODULE: ${library} is not a PKCS#11 library that can be loaded here`, { cause });
  }
  return cryptoki;
}
