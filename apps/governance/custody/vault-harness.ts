import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Answer {
  readonly status: number;
  readonly body?: object;
}

/** Speaks the wire of Vault's transit engine as its documentation has it: one mount, keys with versions, one token. */
export class LocalVault {
  readonly asked: string[] = [];
  /** What it answers to everything instead. */
  broken: number | undefined;
  /** Until when it answers nothing. */
  holding: Promise<void> | undefined;
  token = 'hvs.example';
  private readonly keys = new Map<string, Buffer[]>();
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      void this.answer(request).then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(body === undefined ? undefined : JSON.stringify(body));
      });
    });
  }

  static async start(...keys: string[]): Promise<LocalVault> {
    const vault = new LocalVault();
    for (const key of keys) vault.keys.set(key, [randomBytes(32)]);
    await new Promise<void>((resolve) => vault.server.listen(0, '127.0.0.1', resolve));
    return vault;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private async answer(request: IncomingMessage): Promise<Answer> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    this.asked.push(`${request.method} ${request.url}`);
    await this.holding;
    if (this.broken !== undefined) return errors(this.broken, 'Vault is sealed');
    if (request.headers['x-vault-token'] !== this.token) return errors(403, 'permission denied');
    const [, path = ''] = /^\/v1\/transit\/(.+)$/.exec(request.url ?? '') ?? [];
    const body = chunks.length === 0 || request.method === 'GET' ? {} : (JSON.parse(Buffer.concat(chunks).toString()) as { plaintext?: string; ciphertext?: string });
    const [verb, name = '', more] = path.split('/');
    const versions = this.keys.get(name);
    if (versions === undefined) return verb === 'keys' ? errors(404) : errors(400, 'encryption key not found');
    switch (`${request.method} ${verb}${more === undefined ? '' : `/${more}`}`) {
      case 'POST encrypt':
        return { status: 200, body: { data: { ciphertext: encrypt(versions, Buffer.from(body.plaintext!, 'base64')), key_version: versions.length } } };
      case 'POST decrypt':
      case 'POST rewrap': {
        const plaintext = decrypt(versions, body.ciphertext!);
        if (plaintext === undefined) return errors(400, 'cipher: message authentication failed');
        return { status: 200, body: { data: verb === 'decrypt' ? { plaintext: plaintext.toString('base64') } : { ciphertext: encrypt(versions, plaintext), key_version: versions.length } } };
      }
      case 'POST keys/rotate':
        versions.push(randomBytes(32));
        return { status: 204 };
      case 'GET keys':
        return { status: 200, body: { data: { name, type: 'aes256-gcm96', latest_version: versions.length, min_decryption_version: 1, keys: Object.fromEntries(versions.map((_, n) => [n + 1, 1_700_000_000])) } } };
      default:
        return errors(405, 'unsupported operation');
    }
  }
}

const errors = (status: number, ...lines: string[]): Answer => ({ status, body: { errors: lines } });

function encrypt(versions: readonly Buffer[], plaintext: Buffer): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', versions.at(-1)!, nonce);
  return `vault:v${versions.length}:${Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]).toString('base64')}`;
}

function decrypt(versions: readonly Buffer[], ciphertext: string): Buffer | undefined {
  const [, version = '', text = ''] = /^vault:v(\d+):(.+)$/.exec(ciphertext) ?? [];
  const bytes = Buffer.from(text, 'base64');
  try {
    const decipher = createDecipheriv('aes-256-gcm', versions[Number(version) - 1]!, bytes.subarray(0, 12));
    decipher.setAuthTag(bytes.subarray(-16));
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
  } catch {
    return undefined;
  }
}
