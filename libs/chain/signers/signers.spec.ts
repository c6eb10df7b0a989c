import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { encryptKeystoreJson, getBytes, hexlify, keccak256, recoverAddress, SigningKey, toBeHex, Wallet } from 'ethers';
import { addressOfSpki, signatureOfDer } from './ecdsa-der.js';
import { openSigner } from './open-signer.js';

const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const digest = keccak256('0x1234');

/** (r, s) in DER, as key management services give it: no low s, no recovery bit. */
function der(r: bigint, s: bigint): Buffer {
  const integer = (value: bigint): Buffer => {
    const bytes = getBytes(toBeHex(value));
    const positive = bytes[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : Buffer.from(bytes);
    return Buffer.concat([Buffer.of(0x02, positive.length), positive]);
  };
  const body = Buffer.concat([integer(r), integer(s)]);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

/** The interface of AWS KMS over HTTP, for one key: JSON 1.1, the operation in a header, bytes in base64. */
class FakeKms {
  readonly asked: { target: string; authorization: string }[] = [];
  highS = false;
  down = false;
  private readonly server: Server;

  constructor(private readonly key: SigningKey, private readonly spki: Buffer) {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const target = String(request.headers['x-amz-target']);
        this.asked.push({ target, authorization: String(request.headers.authorization) });
        const order = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { KeyId: string; Message?: string; MessageType?: string; SigningAlgorithm?: string };
        const answer = this.answer(target, order);
        response.writeHead(answer === null ? 400 : 200, { 'content-type': 'application/x-amz-json-1.1' });
        response.end(JSON.stringify(answer ?? { __type: 'KMSInvalidStateException', message: 'the key is pending deletion' }));
      });
    });
  }

  private answer(target: string, { KeyId, Message, MessageType, SigningAlgorithm }: { KeyId: string; Message?: string; MessageType?: string; SigningAlgorithm?: string }): object | null {
    if (this.down || KeyId !== 'alias/relayer') return null;
    if (target === 'TrentService.GetPublicKey') return { KeyId, PublicKey: this.spki.toString('base64'), KeySpec: 'ECC_SECG_P256K1', KeyUsage: 'SIGN_VERIFY' };
    if (target !== 'TrentService.Sign' || MessageType !== 'DIGEST' || SigningAlgorithm !== 'ECDSA_SHA_256') return null;
    const { r, s } = this.key.sign(hexlify(Buffer.from(Message!, 'base64')));
    return { KeyId, SigningAlgorithm, Signature: der(BigInt(r), this.highS ? order - BigInt(s) : BigInt(s)).toString('base64') };
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function spkiOf(key: SigningKey): Buffer {
  const point = Buffer.from(getBytes(key.publicKey)).subarray(1);
  const jwk = { kty: 'EC', crv: 'secp256k1', x: point.subarray(0, 32).toString('base64url'), y: point.subarray(32).toString('base64url') };
  return createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'der', type: 'spki' });
}

describe('a key', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'mizan-keys-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('in hex signs in memory', async () => {
    const wallet = Wallet.createRandom();
    const signer = await openSigner(wallet.privateKey);
    expect(signer.address).toBe(wallet.address);
    expect(recoverAddress(digest, await signer.sign(digest))).toBe(wallet.address);
  });

  it('in a keystore file is opened with the password in another, and an error says neither', async () => {
    const wallet = Wallet.createRandom();
    const [file, password, wrong] = ['key.json', 'password', 'wrong'].map((name) => join(directory, name)) as [string, string, string];
    writeFileSync(file, await encryptKeystoreJson({ address: wallet.address, privateKey: wallet.privateKey }, 'correct horse', { scrypt: { N: 1_024 } }));
    writeFileSync(password, 'correct horse\n');
    writeFileSync(wrong, 'battery staple');
    const signer = await openSigner(`keystore:${file}`, { keystorePasswordFile: password });
    expect(recoverAddress(digest, await signer.sign(digest))).toBe(wallet.address);
    await expect(openSigner(`keystore:${file}`, { keystorePasswordFile: wrong })).rejects.toMatchObject({ code: 'CONFLICT', message: 'the keystore cannot be opened: the password does not open it' });
    await expect(openSigner(`keystore:${password}`, { keystorePasswordFile: password })).rejects.toMatchObject({ code: 'CONFLICT', message: 'the keystore cannot be opened: it is not a version 3 keystore' });
    await expect(openSigner(`keystore:${file}`)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(openSigner('keystore:/nowhere', { keystorePasswordFile: password })).rejects.toThrow('/nowhere cannot be read (ENOENT)');
  });

  describe('in a key management service', () => {
    const key = new SigningKey(Wallet.createRandom().privateKey);
    const address = new Wallet(key.privateKey).address;
    const kms = new FakeKms(key, spkiOf(key));
    let kmsEndpoint: string;
    const before = { ...process.env };
    beforeAll(async () => {
      Object.assign(process.env, { AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' });
      kmsEndpoint = await kms.listen();
    });
    afterAll(async () => {
      process.env = before;
      await kms.close();
    });

    it('signs there, by signed requests, also when the service gives the high s', async () => {
      const signer = await openSigner('kms:alias/relayer', { kmsEndpoint });
      expect(signer.address).toBe(address);
      for (const highS of [false, true]) {
        kms.highS = highS;
        const signature = await signer.sign(digest);
        expect(recoverAddress(digest, signature)).toBe(address);
        expect(BigInt(signature.s) <= order / 2n).toBe(true);
      }
      expect(kms.asked.map(({ target }) => target)).toEqual(['TrentService.GetPublicKey', 'TrentService.Sign', 'TrentService.Sign']);
      expect(kms.asked.every(({ authorization }) => authorization.startsWith('AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/'))).toBe(true);
    });

    it('is an error when the service refuses', async () => {
      await expect(openSigner('kms:alias/other', { kmsEndpoint })).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE', message: expect.stringContaining('KMSInvalidStateException') });
      const signer = await openSigner('kms:alias/relayer', { kmsEndpoint });
      kms.down = true;
      await expect(signer.sign(digest)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    });
  });

  it('may be any key and any digest: the DER form gives the same signature as signing at hand', () => {
    const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => hexlify(bytes));
    fc.assert(
      fc.property(bytes32.filter((hex) => BigInt(hex) > 0n && BigInt(hex) < order), bytes32, fc.boolean(), (secret, message, high) => {
        const key = new SigningKey(secret);
        const own = key.sign(message);
        const address = new Wallet(secret).address;
        expect(addressOfSpki(spkiOf(key))).toBe(address);
        const s = high ? order - BigInt(own.s) : BigInt(own.s);
        expect(signatureOfDer(der(BigInt(own.r), s), message, address).serialized).toBe(own.serialized);
      }),
      { numRuns: 50 },
    );
  });

  it('is never taken for another: malformed and foreign signatures are refused', () => {
    const key = new SigningKey(Wallet.createRandom().privateKey);
    const { r, s } = key.sign(digest);
    const good = der(BigInt(r), BigInt(s));
    expect(() => signatureOfDer(good, digest, Wallet.createRandom().address)).toThrow('is not by');
    for (const bad of [good.subarray(1), Buffer.concat([good, Buffer.of(0)]), Buffer.of(0x30, 2, 2, 0), Buffer.alloc(0)]) expect(() => signatureOfDer(bad, digest, new Wallet(key.privateKey).address)).toThrow();
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(() => addressOfSpki(publicKey.export({ format: 'der', type: 'spki' }))).toThrow('secp256k1');
  });
});
