import { Injectable, Logger } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import type { Msg, Subscription } from '@nats-io/transport-node';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { provesPayee } from '#chain';
import { Clock } from '#kernel';
import { Bus } from '#messaging';
import { failure, nodeStatementsReply, nodeStatementsRequest, nodeSubjects } from '#protocol';
import type { nonCustodyCalls, ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { ExposureStore } from '../exposure/exposure.store.js';
import { HandedStore } from './handed.store.js';
import type { Handed } from './handed.store.js';

/** Statements of one answer: the longest list that fits one transaction is 220 kB of hex, and a message holds 1 MB. */
const pageMax = 4;

/** Gives payees the signed statements that pay them: their machines over NATS, anybody with the payee's key by RPC. */
@Injectable()
export class HandingService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(HandingService.name);
  private subscription: Subscription | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly bus: Bus,
    private readonly store: HandedStore,
    private readonly nodes: ExposureStore,
    private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    this.subscription = this.bus.connection.subscribe(nodeSubjects.statementsAsked, { queue: 'settlement', callback: (error, message) => void (error === null && this.answer(message)) });
  }

  beforeApplicationShutdown(): void {
    this.subscription?.unsubscribe();
  }

  /** Says to the payees' machines (lower-case addresses) that there is something for them, or that something is void; who does not hear it asks at its next start. */
  async tell(payees: readonly string[]): Promise<void> {
    const nodes = await withTenant(this.dataSource, '*', (manager) => this.nodes.nodesOf(manager, payees));
    for (const node of [...nodes.values()].flat()) this.bus.connection.publish(nodeSubjects.statementSigned(node), '{}');
  }

  /** Errors: NOT_ALLOWED when the proof is not the payee's, or too old. */
  async page({ payee, proof, after }: RequestOf<typeof nonCustodyCalls.handedStatements>): Promise<ReplyOf<typeof nonCustodyCalls.handedStatements>> {
    this.assertProved(payee, proof);
    const handed = await this.handedTo(payee.toLowerCase(), after, pageMax + 1);
    return { data: handed.slice(0, pageMax), hasMore: handed.length > pageMax, voided: await this.voidedFor(payee.toLowerCase()) };
  }

  assertProved(payee: string, proof: { signedAtMs: number; signature: string }): void {
    if (!provesPayee(payee, proof, this.clock.nowMs())) throw failure('NOT_ALLOWED', `the signature is not ${payee}'s over the text for now: sign it anew with the payee's own key`);
  }

  /** The subject is the node's own: nobody else may publish there. */
  private async answer(message: Msg): Promise<void> {
    try {
      const node = message.subject.split('.')[1]!;
      const { after } = nodeStatementsRequest.parse(JSON.parse(message.string()));
      const payee = await withTenant(this.dataSource, '*', (manager) => this.nodes.payeeOf(manager, node));
      const [next] = payee === null ? [] : await this.handedTo(payee, after, 1);
      const answer = next === undefined ? { statement: null, voided: payee === null ? [] : await this.voidedFor(payee) } : { statement: next };
      message.respond(JSON.stringify(z.encode(nodeStatementsReply, { v: 1, ...answer })));
    } catch (error) {
      this.logger.warn(`${message.subject}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private voidedFor(payee: string): Promise<number[]> {
    return withTenant(this.dataSource, '*', (manager) => this.store.voided(manager, payee));
  }

  /** The list is everybody's, as it was signed; the names beside it are shown to each payee for itself only. */
  private async handedTo(payee: string, after: number, limit: number): Promise<Handed[]> {
    const handed = await withTenant(this.dataSource, '*', (manager) => this.store.page(manager, payee, after, limit));
    return handed.map(({ number, file }) => ({ number, file: { ...file, payees: file.payees.filter(({ address }) => address.toLowerCase() === payee) } }));
  }
}
