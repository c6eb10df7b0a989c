import { Injectable } from '@nestjs/common';
import { getAddress } from 'ethers';
import { DataSource } from 'typeorm';
import { claimedByKey, payeeClaimDigests, payeeClaimDomain, payeeClaimMessage, walletAgrees, walletQuestion } from '#chain';
import { Clock, Ids, isDomainError } from '#kernel';
import { Caller, Outbox } from '#messaging';
import { billingCalls, failure, payeeClaimSeconds, payeeClaimText, payeeClaimTypes, payeeRegistrationEvents, payeeSubjectText } from '#protocol';
import type { PayeeClaim, PayeeProofScheme, payeeRegistrationCalls, PayeeSubject, ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import { ChangeRecords } from '../changes/change-records.service.js';
import { ExposureStore } from '../exposure/exposure.store.js';
import { Screening } from '../screening/screening.service.js';
import { PayeeProofStore } from './payee-proof.store.js';
import type { KeptProof } from './payee-proof.store.js';

type Calls = typeof payeeRegistrationCalls;
type Proved = ReplyOf<Calls['register']>;

/** Takes proofs that an address belongs to whom it is to be paid for. A proof moves nothing: it may be sent again, by anybody. */
@Injectable()
export class PayeeRegistration {
  constructor(
    private readonly dataSource: DataSource,
    private readonly caller: Caller,
    private readonly chain: ChainLink,
    private readonly proofs: PayeeProofStore,
    private readonly nodes: ExposureStore,
    private readonly screening: Screening,
    private readonly changes: ChangeRecords,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** What to sign, good for an hour. Error: NOT_FOUND. */
  async challenge(payee: string, subject: PayeeSubject): Promise<ReplyOf<Calls['challenge']>> {
    await this.requireSubject(getAddress(payee.toLowerCase()), subject);
    const claim = this.claimOf(payee, subject, Math.floor(this.clock.nowMs() / 1_000) + payeeClaimSeconds);
    const { chainId, escrow, validUntil } = claim;
    return {
      chainId,
      escrow,
      payee: claim.payee,
      subject,
      validUntil,
      text: payeeClaimText(claim),
      typedData: { domain: payeeClaimDomain(claim), types: payeeClaimTypes, primaryType: 'PayeeRegistration', message: payeeClaimMessage(claim) },
    };
  }

  /**
   * Keeps the proof. Errors: NOT_FOUND (no such machine with this address, no such organisation, or one that never owed the address anything), NOT_ALLOWED (it is too old, good for too long, or not signed by
   * the address), SANCTIONED, SCREENING_UNAVAILABLE, SERVICE_UNAVAILABLE (billing), CHAIN_UNAVAILABLE.
   */
  async register({ payee, subject, validUntil, signature }: RequestOf<Calls['register']>): Promise<Proved> {
    const claim = this.claimOf(payee, subject, validUntil);
    await this.requireSubject(claim.payee, subject);
    const nowMs = this.clock.nowMs();
    if (validUntil * 1_000 < nowMs || validUntil * 1_000 > nowMs + (payeeClaimSeconds + 60) * 1_000) throw failure('NOT_ALLOWED', 'the claim is not good now: ask for a new one and sign that', { validUntil });
    const scheme = claimedByKey(claim, signature) ?? (await this.claimedByWallet(claim, signature));
    if (scheme === null) throw failure('NOT_ALLOWED', `the signature is not ${claim.payee}'s over this claim: sign the text or the typed data of the challenge with that address`);
    if ('organisation' in subject) await this.requireOwed(claim.payee, subject.organisation);
    await this.screening.requireClear(claim.payee, 'payee');
    return this.keep({ payee: claim.payee, subject, scheme, signature, validUntil, provedAtMs: nowMs });
  }

  async list({ after, limit }: RequestOf<Calls['list']>): Promise<ReplyOf<Calls['list']>> {
    const rows = await withTenant(this.dataSource, '*', (manager) => this.proofs.page(manager, after, limit + 1));
    return { data: rows.slice(0, limit), hasMore: rows.length > limit };
  }

  private claimOf(payee: string, subject: PayeeSubject, validUntil: number): PayeeClaim {
    return { chainId: Number(this.chain.chainId), escrow: this.chain.escrow.address, payee: getAddress(payee.toLowerCase()), subject, validUntil };
  }

  private async requireSubject(payee: string, subject: PayeeSubject): Promise<void> {
    if ('organisation' in subject) {
      if (!(await this.changes.tenants()).get(subject.organisation)) throw failure('NOT_FOUND', `there is no ${payeeSubjectText(subject)}`);
      return;
    }
    const named = await withTenant(this.dataSource, '*', (manager) => this.nodes.payeeOf(manager, subject.node));
    if (named !== payee.toLowerCase()) throw failure('NOT_FOUND', `there is no ${payeeSubjectText(subject)} that is paid at ${payee}`);
  }

  /** Anybody may send proofs, and addresses cost nothing: only of those that the books know one is kept. Asked after the signature, so that only an address's owner learns it. */
  private async requireOwed(payee: string, organisation: string): Promise<void> {
    const { data } = await this.caller.call(billingCalls.listPayables, { tenant: organisation });
    if (!data.some((each) => each.payee.toLowerCase() === payee.toLowerCase())) throw failure('NOT_FOUND', `organisation ${organisation} has not owed ${payee} anything yet: prove the address when it has earned something, or for the machine that names it`);
  }

  /** A wallet that is a contract is asked at a final block; one that refuses, fails or answers anything else has not signed. */
  private async claimedByWallet(claim: PayeeClaim, signature: string): Promise<PayeeProofScheme | null> {
    const { number } = await this.chain.finalized();
    const { eip191, eip712 } = payeeClaimDigests(claim);
    for (const [scheme, digest] of [['eip191-wallet', eip191], ['eip712-wallet', eip712]] as const) {
      const answer = await this.chain.ask(claim.payee, walletQuestion(digest, signature), number).catch((error: unknown) => {
        if (isDomainError(error, 'CHAIN_REJECTED')) return '0x';
        throw error;
      });
      if (walletAgrees(answer)) return scheme;
    }
    return null;
  }

  private async keep(proof: KeptProof): Promise<Proved> {
    const kept = await withTenant(this.dataSource, '*', async (manager) => {
      if (await this.proofs.add(manager, proof)) {
        const { payee, subject, scheme, validUntil, signature, provedAtMs } = proof;
        const fields = { payee, subject: payeeSubjectText(subject), scheme, validUntil, signature, chainId: Number(this.chain.chainId), escrow: this.chain.escrow.address };
        const id = this.ids.uuid();
        await ('organisation' in subject ? this.changes.of(manager, subject.organisation, 'payee.proved', id, fields) : this.changes.ofDeployment(manager, 'payee.proved', id, fields));
        await this.outbox.event(manager, payeeRegistrationEvents.proved, { payee, subject, scheme, provedAtMs });
      }
      return (await this.proofs.find(manager, proof.payee, proof.subject))!;
    });
    this.outbox.kick();
    return { payee: kept.payee, subject: kept.subject, scheme: kept.scheme, provedAtMs: kept.provedAtMs };
  }
}
