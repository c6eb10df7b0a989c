import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  concat, ed25519Signer, isTileOf, leafHash, Malformed, packBundle, parseTilePath, rootOf, sha256, signCheckpoint, tileWidth, toHex, toUtf8, type Cosigner, formatNote, parseNote,
} from '#merkle';
import type { Anchor } from '../verify/chain-view.js';

export const signer = ed25519Signer('mizan.example/audit', new Uint8Array(32).fill(1));

export const entriesOf = (count: number, word = 'entry'): Uint8Array[] => Array.from({ length: count }, (_, at) => toUtf8(`${word} ${at}`));

/** A log that serves what it is told to, true or not. */
export class LogOnAPort {
  entries: Uint8Array[] = [];
  /** In place of what would be served, by path. */
  readonly instead = new Map<string, { status: number; body: Uint8Array | string }>();
  readonly asked: string[] = [];

  private constructor(private readonly server: Server) {}

  static async start(): Promise<LogOnAPort> {
    const server = createServer((request, response) => {
      const path = request.url!.slice('/log/'.length);
      log.asked.push(path);
      const { status, body } = log.instead.get(path) ?? log.answer(path);
      response.writeHead(status).end(body);
    });
    const log = new LogOnAPort(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return log;
  }

  get prefix(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/log`;
  }

  rootAt(size: number): Uint8Array {
    return rootOf(sha256, this.entries.slice(0, size).map((entry) => leafHash(sha256, entry)));
  }

  /** A checkpoint of the first `size` entries, as the log signs it. */
  note(size = this.entries.length, by = signer, ...cosigners: Cosigner[]): string {
    const { text, signatures } = parseNote(signCheckpoint({ origin: signer.key.name, size, root: this.rootAt(size) }, by));
    return formatNote({ text, signatures: [...signatures, ...cosigners.map((cosigner) => cosigner.cosign(text, 1_767_225_600))] });
  }

  anchor(size: number, root = toHex(this.rootAt(size))): Anchor {
    return { payer: '0xa', epoch: 1n, units: 0n, size, root, tx: `0x${size}`, block: size };
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  private answer(path: string): { status: number; body: Uint8Array | string } {
    if (path === 'checkpoint') return { status: 200, body: this.note() };
    try {
      const tile = parseTilePath(path);
      if (!isTileOf(tile, this.entries.length)) return { status: 404, body: '' };
      const { level, index, width } = tile;
      const first = index * tileWidth;
      if (level === 'entries') return { status: 200, body: packBundle(this.entries.slice(first, first + width)) };
      const leaves = this.entries.map((entry) => leafHash(sha256, entry));
      const span = tileWidth ** level;
      return { status: 200, body: concat(...Array.from({ length: width }, (_, at) => rootOf(sha256, leaves.slice((first + at) * span, (first + at + 1) * span)))) };
    } catch (error) {
      if (error instanceof Malformed) return { status: 404, body: '' };
      throw error;
    }
  }
}
