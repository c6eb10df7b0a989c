import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RequestError } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { listHash, verifyStatement } from '#chain';
import { nodeExposureMessage, nodeStatementsReply, nodeSubjects, statementFile } from '#protocol';
import { syncDirectory, writeDurably } from '../keys/key-file.js';

/** Newest statements that are kept of each payer: each pays what the ones before it paid, and more. */
export const keptPerPayer = 16;
/** Asked again from so far back: numbers of statements that were signed at the same time may appear out of order. */
const overlap = 8;
const answerMs = 5_000;
/** Notices may be lost: it asks by itself as often. */
const askMs = 300_000;

/**
 * Keeps the signed statements that pay this machine in its directory, so that it can put them on chain and withdraw though everybody else is
 * gone, and what it holds in unsettled receipts against each payer's deposit. Files: `statements/<number>-<payer>.json`, `exposure.json`.
 */
export class StatementKeeper {
  private readonly directory: string;
  private asking: Promise<void> | undefined;
  private again = false;
  private readonly stops: (() => void)[];

  constructor(
    private readonly connection: NatsConnection,
    private readonly node: string,
    private readonly home: string,
    private readonly warn: (message: string) => void,
  ) {
    this.directory = join(home, 'statements');
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    const heard = [
      connection.subscribe(nodeSubjects.statementSigned(node), { callback: (error) => void (error === null && this.ask()) }),
      connection.subscribe(nodeSubjects.exposure(node), { callback: (error, message) => void (error === null && this.keepExposure(message.data)) }),
    ];
    const timer = setInterval(() => this.ask(), askMs).unref();
    this.stops = [...heard.map((subscription) => () => subscription.unsubscribe()), () => clearInterval(timer)];
  }

  /** Asks for what it does not have yet. */
  ask(): void {
    if (this.asking) return void (this.again = true);
    this.asking = this.fetch()
      .catch((error: unknown) => void (isNobodyThere(error) || this.warn(`statements: ${error instanceof Error ? error.message : String(error)}`)))
      .finally(() => {
        this.asking = undefined;
        if (this.again) this.ask();
      });
  }

  async stop(): Promise<void> {
    for (const stop of this.stops) stop();
    this.again = false;
    await this.asking;
  }

  private async fetch(): Promise<void> {
    this.again = false;
    const held = new Set(this.numbers());
    let after = Math.max(0, Math.max(0, ...held) - overlap);
    for (;;) {
      const answer = await this.connection.request(nodeSubjects.statements(this.node), JSON.stringify({ v: 1, after }), { timeout: answerMs });
      const { statement } = z.decode(nodeStatementsReply, JSON.parse(answer.string()) as never);
      if (statement === null) return this.prune();
      if (!held.has(statement.number)) this.keep(statement.number, statement.file);
      after = statement.number;
    }
  }

  /** A file that its payer did not sign proves nothing, and is not kept. */
  private keep(number: number, file: z.output<typeof statementFile>): void {
    const { statement, signature, list, chainId, escrow } = file;
    if (!verifyStatement(statement, { chainId: BigInt(chainId), escrow }, signature) || listHash(list) !== statement.listHash) return this.warn(`statement ${number} is not signed by ${statement.payer}: it is not kept`);
    const path = join(this.directory, `${String(number).padStart(12, '0')}-${statement.payer}.json`);
    const draft = `${path}.${process.pid}`;
    rmSync(draft, { force: true });
    writeDurably(draft, `${JSON.stringify(z.encode(statementFile, file), null, 2)}\n`);
    renameSync(draft, path);
    syncDirectory(this.directory);
  }

  private prune(): void {
    const byPayer = new Map<string, string[]>();
    for (const name of this.names()) byPayer.set(payerOf(name), [...(byPayer.get(payerOf(name)) ?? []), name]);
    for (const names of byPayer.values()) for (const name of names.slice(0, -keptPerPayer)) rmSync(join(this.directory, name));
  }

  private keepExposure(bytes: Uint8Array): void {
    try {
      const { data } = z.decode(nodeExposureMessage, JSON.parse(Buffer.from(bytes).toString('utf8')) as never);
      const path = join(this.home, 'exposure.json');
      writeFileSync(`${path}.draft`, `${JSON.stringify(z.encode(nodeExposureMessage.shape.data, data), null, 2)}\n`, { mode: 0o600 });
      renameSync(`${path}.draft`, path);
      for (const { payer, covered } of data) if (!covered) this.warn(`what ${payer} owes is more than its deposit covers: see exposure.json`);
    } catch (error) {
      this.warn(`exposure: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Oldest first: the number is padded. */
  private names(): string[] {
    return existsSync(this.directory) ? readdirSync(this.directory).filter((name) => /^\d{12}-0x[0-9a-fA-F]{40}\.json$/.test(name)).sort() : [];
  }

  private numbers(): number[] {
    return this.names().map((name) => Number(name.slice(0, 12)));
  }
}

/** The service is down: it is asked again. */
const isNobodyThere = (error: unknown): boolean => error instanceof RequestError && error.isNoResponders();

const payerOf = (name: string): string => name.slice(13, -'.json'.length);
