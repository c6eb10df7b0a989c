import { setTimeout as sleep } from 'node:timers/promises';
import { headers } from '@nats-io/transport-node';
import { z } from 'zod';
import type { Bus } from '#messaging';
import { billingCalls, failure, governanceCalls, reconciliationCalls, settlementEvents, walletEvents, x402Events } from '#protocol';
import type { Call, PayloadOf, ReplyOf, RequestOf } from '#protocol';

type Draw = ReplyOf<typeof billingCalls.drawPayables>;

/** Stands in for the books: what is owed to whom, drawn as billing draws it; `owing` are the tenants that owe it. Also for the log's head. */
export class Books {
  readonly owed = new Map<string, bigint>();
  readonly asked: RequestOf<typeof billingCalls.drawPayables>[] = [];
  readonly deposits: PayloadOf<typeof settlementEvents.depositConfirmed>[] = [];
  readonly takenBack: string[] = [];
  /** What happens once, between the next draw and its answer. */
  afterDraw: (() => Promise<unknown>) | undefined;
  private readonly walletMoves: { wallet: string; units: bigint; isSale: boolean; block: number }[] = [];
  private readonly paid = new Map<string, bigint>();
  private open: Draw | undefined;

  constructor(bus: Bus, owing: readonly string[]) {
    const serve = <C extends Call>(call: C, answer: (request: RequestOf<C>) => ReplyOf<C> | Promise<ReplyOf<C>>): void => {
      bus.connection.subscribe(call.subject, {
        callback: (_error, message) => {
          const request = z.decode(call.request, JSON.parse(message.string()) as never) as RequestOf<C>;
          void Promise.resolve(answer(request)).then(
            (reply) => message.respond(JSON.stringify(z.encode(call.reply, reply as never))),
            (error: unknown) => {
              const carried = headers();
              carried.set('Nats-Service-Error-Code', (error as { code: string }).code);
              message.respond(JSON.stringify({ message: (error as Error).message, details: {} }), { headers: carried });
            },
          );
        },
      });
    };
    serve(billingCalls.listPayables, (request) => ({ data: owing.includes(request.tenant ?? '') ? [...this.owed].map(([payee, owedNanos]) => ({ tenant: request.tenant!, payee, earnedNanos: 0n, drawnNanos: 0n, heldNanos: 0n, owedNanos })) : [], hasMore: false }));
    serve(billingCalls.drawPayables, async (request) => {
      const drawn = this.draw(request);
      await this.afterDraw?.();
      this.afterDraw = undefined;
      return drawn;
    });
    serve(billingCalls.takeBackPayables, ({ statement }) => {
      if (this.open?.statement === statement) for (const { payee, units } of this.open.payees) this.put(payee, units);
      this.takenBack.push(statement);
      return { statement };
    });
    serve(governanceCalls.checkpoint, () => ({ note: 'note', size: 7, root: 'ab'.repeat(32), logKey: 'key' }));
    serve(reconciliationCalls.ledgerTokens, ({ wallets }) => ({ currency: 'TUSD6', nanosPerUnit: 1_000n, ...this.tokens(), wallets: wallets.map(({ address, block }) => ({ address, ...this.inWallet(address, block) })) }));
    const moved = (wallet: string, units: bigint, isSale: boolean, block: number): void => void this.walletMoves.push({ wallet, units, isSale, block });
    bus.connection.subscribe(x402Events.settled.subject, { callback: (_error, message) => { const { payTo, units, at } = z.decode(x402Events.settled.payload, message.json()); moved(payTo, units, true, at.blockNumber); } });
    bus.connection.subscribe(walletEvents.moved.subject, { callback: (_error, message) => { const { wallet, units, of, at } = z.decode(walletEvents.moved.payload, message.json()); moved(wallet, units, of === 'sale', at.blockNumber); } });
    bus.connection.subscribe(settlementEvents.depositConfirmed.subject, { callback: (_error, message) => void this.deposits.push(z.decode(settlementEvents.depositConfirmed.payload, message.json())) });
    bus.connection.subscribe(settlementEvents.epochSettled.subject, { callback: () => void (this.open = undefined) });
  }

  /** Of deposits alone: where epochs are settled and compared, the real books are needed. */
  private tokens(): { escrowUnits: bigint; depositUnits: bigint; creditUnits: bigint } {
    const depositUnits = this.deposits.reduce((sum, { units }) => sum + units, 0n);
    return { escrowUnits: depositUnits, depositUnits, creditUnits: 0n };
  }

  private inWallet(address: string, block: number): { saleUnits: bigint; otherUnits: bigint; heldUnits: bigint; movedUnits: bigint } {
    const moves = this.walletMoves.filter(({ wallet }) => wallet === address);
    const sum = (of: readonly { units: bigint }[]): bigint => of.reduce((total, { units }) => total + units, 0n);
    const upTo = moves.filter((move) => move.block <= block);
    return { saleUnits: sum(upTo.filter(({ isSale }) => isSale)), otherUnits: sum(upTo.filter(({ isSale }) => !isSale)), heldUnits: sum(moves), movedUnits: sum(moves) };
  }

  /** Undoes one line of the open draw. */
  private put(payee: string, units: bigint): void {
    this.owed.set(payee, (this.owed.get(payee) ?? 0n) + units * 1_000n);
    this.paid.set(payee, this.paid.get(payee)! - units);
    this.open = undefined;
  }

  /** Nothing is drawn that is not final. */
  get isIdle(): boolean {
    return this.open === undefined;
  }

  private draw(request: RequestOf<typeof billingCalls.drawPayables>): Draw {
    // For nobody is only asked whether something is drawn already.
    if (request.only?.length !== 0) this.asked.push(request);
    if (this.open) return this.open;
    let left = request.unitsMax;
    const payees = request.only!.flatMap((payee) => {
      const owed = this.owed.get(payee)! / 1_000n;
      const units = left !== undefined && left < owed ? left : owed;
      if (units === 0n) return [];
      if (left !== undefined) left -= units;
      if (units < owed) this.owed.set(payee, (owed - units) * 1_000n);
      else this.owed.delete(payee);
      this.paid.set(payee, (this.paid.get(payee) ?? 0n) + units);
      return [{ payee, units, cumulativeUnits: this.paid.get(payee)! }];
    });
    if (payees.length === 0) throw failure('NOTHING_DUE', 'nothing is due');
    const totalUnits = payees.reduce((sum, { units }) => sum + units, 0n);
    const cumulativeTotalUnits = [...this.paid.values()].reduce((sum, units) => sum + units, 0n);
    return (this.open = { statement: request.statement, tenant: request.tenant, nanosPerUnit: 1_000n, payees, totalUnits, cumulativeTotalUnits, ...(request.rate && { rate: request.rate }) });
  }
}

/** Waits for a minute at most, and longer on a slow machine. */
export async function until(what: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 3_000; tries++, await sleep(50)) if (await what()) return;
  throw new Error(`did not come: ${what.toString()}`);
}
