import { Injectable } from '@nestjs/common';
import { Clock } from '#kernel';
import { Replicas } from '#messaging';
import type { ReplicaView } from '#messaging';
import { operatorRecord, Sealer, sealRecord, tenantReplica } from '#protocol';
import type { LogRecord, TenantEntry } from '#protocol';
import { ChainLink } from '../chain/chain-link.js';
import type { X402PaymentRow } from './x402-payment.store.js';

/** Makes the log record of a request's payment, under the request's own id, sealed for the organisation that sold it. */
@Injectable()
export class SaleRecord {
  private view: Promise<ReplicaView<TenantEntry>> | undefined;

  constructor(
    private readonly replicas: Replicas,
    private readonly clock: Clock,
    private readonly chain: ChainLink,
  ) {}

  /** An organisation that governance does not publish (any more) gets an open record: everything in it is public on chain. */
  async of(row: X402PaymentRow & { readonly record: string }, at: { tx: string; blockNumber: number }): Promise<LogRecord> {
    const { record, payer, payTo, asset, scheme, amount, amountMax } = row;
    const fields = { payment: row.id, payer, payTo, asset, scheme, amount: amount!.toString(), amountMax: amountMax.toString(), ...at, chainId: Number(this.chain.chainId) };
    const draft = { id: record, type: 'x402.settled' as const, timeMs: this.clock.nowMs(), fields, facts: null };
    const tenant = (await (this.view ??= this.replicas.view(tenantReplica))).get(row.tenant);
    if (!tenant) return operatorRecord(draft);
    return sealRecord(draft, tenant, new Sealer(Buffer.from(tenant.sealKey, 'base64'), tenant.sealKeyId));
  }
}
