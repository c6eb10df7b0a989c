import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RequestError } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { listHash, statementSigner } from '#chain';
import { nodeExposureMessage, nodeStatementsReply, nodeSubjects } from '#protocol';
import type { StatementFile } from '#protocol';
import { unchecked } from './delegate-check.js';
import type { DelegateCheck, SignerVerdict } from './delegate-check.js';
import { isSame, KeptStatements } from './kept-statements.js';

/** Asked again from so far back: numbers of statements that were signed at the same time may appear out of order. */
const overlap = 8;
const answerMs = 5_000;
/** Notices may be lost: it asks by itself as often. */
const askMs = 300_000;

/**
 * Keeps the signed statements that pay this machine in its directory, so that it can put them on chain and withdraw though everybody else is
 * gone, and what it holds in unsettled receipts against each payer's deposit. Files: {@link KeptStatements} in `statements`, and `exposure.json`.
 */
export class StatementKeeper {
  private readonly kept: KeptStatements;
  /** By number, why a statement is not kept, as it was said last: it is given again at each look. */
  private readonly said = new Map<number, string>();
  private asking: Promise<void> | undefined;
  private again = false;
  private readonly stops: (() => void)[];

  constructor(
    private readonly connection: NatsConnection,
    private readonly node: string,
    private readonly home: string,
    private readonly warn: (message: string) => void,
    private readonly delegates: DelegateCheck = unchecked,
    /** From which contract the machine is paid; what its payers' first statements name when left out. */
    private readonly escrow?: string,
  ) {
    this.kept = new KeptStatements(join(home, 'statements'));
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
    await this.askAgain();
    const held = new Set(this.kept.numbers());
    let after = Math.max(0, Math.max(0, ...held) - overlap);
    for (const number of this.said.keys()) if (number <= after) this.said.delete(number);
    for (;;) {
      const answer = await this.connection.request(nodeSubjects.statements(this.node), JSON.stringify({ v: 1, after }), { timeout: answerMs });
      const { statement, voided } = z.decode(nodeStatementsReply, JSON.parse(answer.string()) as never);
      if (statement === null) {
        this.noteVoided(new Set(voided));
        return this.kept.prune();
      }
      if (!held.has(statement.number)) await this.keep(statement.number, statement.file);
      after = statement.number;
    }
  }

  /** A file that neither its payer nor a delegate of it signed proves nothing, and is not kept. One of which nobody knows that is kept, and never in the place of one that is known to be good. */
  private async keep(number: number, file: StatementFile): Promise<void> {
    const verdict = await this.verdictOf(file);
    if (verdict.kind === 'refused') return this.refuse(number, verdict.why);
    this.kept.add(number, file, verdict.kind === 'genuine');
    if (verdict.kind === 'unverified') this.warn(`statement ${number} ${verdict.why}`);
  }

  private refuse(number: number, why: string): void {
    if (this.said.get(number) !== why) this.warn(`statement ${number} ${why}: it is not kept`);
    this.said.set(number, why);
  }

  /** Of statements whose signer the chain has not been heard about. */
  private async askAgain(): Promise<void> {
    for (const kept of this.kept.unverified()) {
      const file = this.kept.read(kept);
      if (file === null) continue;
      const verdict = await this.verdictOf(file);
      if (verdict.kind === 'genuine') this.kept.verify(kept);
      else if (verdict.kind === 'refused') {
        this.kept.remove(kept);
        this.refuse(kept.number, verdict.why);
      } else if (verdict.isSilent === true) return;
    }
  }

  /** The file itself names the contract that says who is a delegate: a stranger's would say what it likes. */
  private async verdictOf(file: StatementFile): Promise<SignerVerdict> {
    const { statement, list, signature, chainId, escrow, signer } = file;
    const { payer } = statement;
    if (listHash(list) !== statement.listHash) return { kind: 'refused', why: 'has another list than was signed' };
    const by = statementSigner(statement, { chainId: BigInt(chainId), escrow }, signature);
    if (by !== null && isSame(by, payer)) return { kind: 'genuine' };
    if (by === null || signer === undefined || !isSame(by, signer)) return { kind: 'refused', why: `is not signed by ${payer}` };
    if (this.escrow !== undefined) {
      if (!isSame(this.escrow, escrow)) return { kind: 'refused', why: `is signed by ${by} for escrow ${escrow}, and this machine is paid from ${this.escrow}` };
      return this.delegates(file, by);
    }
    const known = this.kept.escrowOf(payer);
    if (known === null || (known.chainId === chainId && isSame(known.escrow, escrow))) return this.delegates(file, by);
    return { kind: 'unverified', why: `is signed by ${by} for escrow ${escrow} of chain ${chainId}, and ${payer} pays from ${known.escrow} of chain ${known.chainId}: --escrow says which is right` };
  }

  /** Says so beside the file, which stays: that it can land no more is what the service says. */
  private noteVoided(voided: ReadonlySet<number>): void {
    for (const { number, payer } of this.kept.noteVoided(voided)) this.warn(`statement ${number} can land no more: an empty one took its epoch, and what it was to pay is owed again by ${payer}`);
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
}

/** The service is down: it is asked again. */
const isNobodyThere = (error: unknown): boolean => error instanceof RequestError && error.isNoResponders();
