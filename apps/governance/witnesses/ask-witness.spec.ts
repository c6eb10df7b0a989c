import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ed25519Cosigner, ed25519Signer, formatSignature, formatVerifierKey, parseAddCheckpoint, parseNote, sha256, signCheckpoint, toUtf8 } from '#merkle';
import { askWitness, WitnessRefused } from './ask-witness.js';
import { witnessList } from './witness-list.js';

const log = ed25519Signer('mizan.example/audit', new Uint8Array(32).fill(1));
const cosigner = ed25519Cosigner('witness.example/w1', new Uint8Array(32).fill(0x42));
const note = signCheckpoint({ origin: log.key.name, size: 20, root: sha256(new Uint8Array()) }, log);
const signature = formatSignature(cosigner.cosign(parseNote(note).text, 1_767_225_600));

let server: Server;
let url: string;
let answers: { status: number; body: string }[];
let asked: number[];

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      asked.push(parseAddCheckpoint(Buffer.concat(chunks)).oldSize);
      const { status, body } = answers.shift()!;
      response.writeHead(request.url === '/w1/add-checkpoint' ? status : 500).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/w1`;
});
beforeEach(() => {
  asked = [];
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

function ask(lastSize: number, ...given: typeof answers) {
  answers = given;
  return askWitness({ url, key: cosigner.key }, { note, size: 20, proofFrom: (oldSize) => Promise.resolve([sha256(toUtf8(String(oldSize)))]) }, lastSize);
}

describe('asking a witness', () => {
  it('takes its signature', async () => {
    expect(formatSignature(await ask(7, { status: 200, body: signature }))).toBe(signature);
    expect(asked).toEqual([7]);
  });

  it('goes on from the size that it is told', async () => {
    await ask(0, { status: 409, body: '13\n' }, { status: 200, body: signature });
    expect(asked).toEqual([0, 13]);
  });

  it('takes no signature that is wrong, of others only, or no signature', async () => {
    const other = ed25519Cosigner('witness.example/w2', new Uint8Array(32).fill(3));
    const wrong = formatSignature(cosigner.cosign('another text\n', 1));
    for (const body of [wrong, formatSignature(other.cosign(parseNote(note).text, 1)), '', 'hello']) await expect(ask(7, { status: 200, body })).rejects.toThrow();
  });

  it.each([
    ['is larger than the log', { status: 409, body: '21\n' }],
    ['is another log of the same size', { status: 409, body: '7\n' }],
    ['is not continued by the log', { status: 422, body: '' }],
  ])('says that the log is not what was seen when what was cosigned %s', async (_, answer) => {
    await expect(ask(7, answer)).rejects.toThrow(WitnessRefused);
  });

  it('gives up after three tries, and on every other answer', async () => {
    await expect(ask(1, { status: 409, body: '2\n' }, { status: 409, body: '3\n' }, { status: 409, body: '4\n' })).rejects.toThrow('by others');
    await expect(ask(1, { status: 403, body: '' })).rejects.toThrow('answered 403');
    await expect(ask(1, { status: 409, body: 'seven' })).rejects.toThrow('decimal');
    await expect(askWitness({ url: 'http://127.0.0.1:9', key: cosigner.key }, { note, size: 20, proofFrom: () => Promise.resolve([]) }, 0)).rejects.toThrow();
  });
});

describe('the list of witnesses', () => {
  const vkey = formatVerifierKey(cosigner.key);
  it('is read from text', () => {
    expect(witnessList(`https://witness.example/w1/ ${vkey}\n`)).toEqual([{ url: 'https://witness.example/w1', key: cosigner.key }]);
    expect(witnessList(' , \n')).toEqual([]);
  });

  it.each([vkey, `ftp://a ${vkey}`, `https://a ${vkey} x`, 'https://a nothing', `https://a ${formatVerifierKey(log.key)}`, `https://a ${vkey},https://b ${vkey}`])('is refused as "%s"', (text) => {
    expect(() => witnessList(text)).toThrow();
  });
});
