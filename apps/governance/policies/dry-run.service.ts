import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CedarEvaluator, compilePolicies, contextOf, DecisionMemo, mayRead, principalOf } from '#policy';
import { failure, governanceCalls, type ReplyOf, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { RecordReader } from '../audit/record-reader.service.js';
import { Market } from './market.service.js';
import { decisionOf, offersFor } from './past-request.js';
import { PolicyStore } from './policies.store.js';

type DryRun = (typeof governanceCalls)['dryRunPolicy'];

/** Decides a past request again, from its own record: under another text, or under what is in force now. */
@Injectable()
export class DryRunService {
  private readonly memo = new DecisionMemo(new CedarEvaluator(16), 64);

  constructor(
    private readonly dataSource: DataSource,
    private readonly policies: PolicyStore,
    private readonly records: RecordReader,
    private readonly market: Market,
  ) {}

  /** Errors: `NOT_FOUND`, `RECORD_PENDING`, `REQUEST_INVALID` when the record holds no decision, `PERSONAL_DATA_ERASED`, `RECORD_RESTRICTED`, `POLICY_INVALID`. */
  async run({ tenant, record, text, reader }: RequestOf<DryRun>): Promise<ReplyOf<DryRun>> {
    const entries = await this.records.read({ tenant, id: record, reader });
    const withheld = entries.find(({ body, restricted }) => restricted && body === null)?.restricted;
    if (withheld) throw failure('RECORD_RESTRICTED', withheld.message, { erasure: withheld.erasure });
    const found = entries.flatMap(({ body }) => (body && decisionOf(body)) ?? [])[0];
    if (found === undefined) throw failure('REQUEST_INVALID', 'the record holds no decision that could be made again');
    const { decision, hidden } = found;
    const policy = text ?? (await this.textInForce(tenant));
    if (mayRead(policy, hidden)) throw failure('PERSONAL_DATA_ERASED', 'the tags that this policy may decide by named a person, and are erased: try a text that does not read tags', { hidden });
    const set = compilePolicies(policy);
    const { offers, priceOf } = await this.market.now();
    const { permitted, refusals } = this.memo.decideOffers(set, principalOf(tenant, decision), contextOf(decision), offersFor(decision, offers, priceOf));
    return {
      recorded: { decision: decision.decision, policies: decision.policies.map(({ id }) => id), policyVersion: decision.policyVersion },
      now: {
        decision: permitted.length > 0 ? 'permit' : 'deny',
        permitted: permitted.map(({ offer: { entry } }) => ({ offer: entry.id, nodeName: entry.nodeName, region: entry.region })),
        refused: refusals.map(({ policies, offers: refused }) => ({ policies: policies.map(({ id, reason }) => ({ id, reason })), offers: refused.length })),
      },
    };
  }

  private async textInForce(tenant: string): Promise<string> {
    return (await withTenant(this.dataSource, tenant, (manager) => this.policies.find(manager, tenant)))?.text ?? '';
  }
}
