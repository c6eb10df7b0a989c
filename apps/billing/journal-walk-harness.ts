import { expect } from '@jest/globals';
import fc from 'fast-check';
import { limits } from '#protocol';
import type { Books } from './books-harness.js';
import { ModelJournal } from './journal-model-harness.js';
import { Journal } from './journal/journal.service.js';

export const journalCommands = {
  reserve: { toBank: fc.boolean(), amount: fc.integer({ min: 1, max: 500 }), waits: fc.integer({ min: 1, max: 3 }) },
  post: { reservation: fc.nat(), share: fc.integer({ min: 1, max: 100 }), person: fc.nat(1), times: fc.integer({ min: 1, max: 2 }) },
  void: { reservation: fc.nat() },
} as const;
type Members = { [N in keyof typeof journalCommands]: { [K in keyof (typeof journalCommands)[N]]: (typeof journalCommands)[N][K] extends fc.Arbitrary<infer V> ? V : never } };
export type JournalCommand = { [N in keyof Members]: { readonly do: N } & Members[N] }[keyof Members];

const pick = <T>(list: readonly T[], index: number): T | undefined => list[index % Math.max(list.length, 1)];

/** Money that is moved by hand under random commands, in the books and in the model: what they answer must be the same. */
export class JournalWalk {
  readonly model = new ModelJournal();

  constructor(
    private readonly books: Books,
    private readonly persons: readonly { keyId: string; tenant: null }[],
  ) {}

  async open(): Promise<void> {
    for (const [name, leastNanos] of [['bank', 0n], ['loan', null]] as const) await this.books.get(Journal).putAccount({ actor: this.persons[0]!, name, currency: 'USD', leastNanos, mostNanos: null });
  }

  /** Money that is moved by hand between two accounts of the deployment. */
  async run(step: JournalCommand): Promise<void> {
    if (step.do === 'reserve') {
      const [id, expiresAtMs] = [this.books.ids.uuid(), this.books.clock.nowMs() + step.waits * (limits.leaseTtlMs + limits.leaseGraceMs)];
      const [debit, credit] = step.toBank ? ['operator:bank', 'operator:loan'] : ['operator:loan', 'operator:bank'];
      const asked = this.books.get(Journal).reserve({ actor: this.persons[0]!, id, note: 'by hand', currency: 'USD', legs: [{ debit, credit, amountNanos: BigInt(step.amount) }], expiresAtMs });
      if (this.model.reserve(id, step.toBank, BigInt(step.amount), expiresAtMs)) await asked;
      else await expect(asked).rejects.toMatchObject({ code: 'ACCOUNT_LIMIT' });
      return;
    }
    const one = pick(this.model.reservations, step.reservation);
    if (!one) return;
    if (step.do === 'void') {
      const voiding = this.books.get(Journal).void({ actor: this.persons[0]!, id: one.id });
      if (one.state === 'pending') one.state = 'voided';
      if (one.state === 'voided') await voiding;
      else await expect(voiding).rejects.toMatchObject({ code: one.state === 'expired' ? 'RESERVATION_EXPIRED' : 'CONFLICT' });
      return;
    }
    const part = (one.amount * BigInt(step.share) + 99n) / 100n;
    const refusal = one.state === 'pending' ? (step.person === 0 ? 'NOT_ALLOWED' : undefined) : one.state === 'posted' ? (one.posted === part ? undefined : 'CONFLICT') : one.state === 'expired' ? 'RESERVATION_EXPIRED' : 'CONFLICT';
    if (refusal === undefined) Object.assign(one, { state: 'posted', posted: part });
    const posting = Array.from({ length: step.times }, () => this.books.get(Journal).post({ actor: this.persons[step.person]!, id: one.id, amountsNanos: [part] }));
    for (const each of posting) {
      if (refusal === undefined) expect(await each).toMatchObject({ state: 'posted', postedNanos: [part] });
      else await expect(each).rejects.toMatchObject({ code: refusal });
    }
  }

  async expectSame(): Promise<void> {
    const { data } = await this.books.get(Journal).listAccounts({ limit: 200 });
    const standing = (name: string) => data.filter(({ code }) => code === `operator:${name}`).map(({ balanceNanos, reservedDebitNanos, reservedCreditNanos }) => [balanceNanos, reservedDebitNanos, reservedCreditNanos]);
    const [toBank, fromBank] = [this.model.reserved(true), this.model.reserved(false)];
    expect([standing('bank'), standing('loan')]).toEqual([[[this.model.balance, toBank, fromBank]], [[-this.model.balance, fromBank, toBank]]]);
  }
}
