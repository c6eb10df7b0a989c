import { Injectable } from '@nestjs/common';
import { getAddress } from 'ethers';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { payerOf, x402Events } from '#protocol';
import type { FacilitatorRequest } from '#protocol';
import { withTenant } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import { ChangeRecords } from '../changes/change-records.service.js';
import { Screening } from '../screening/screening.service.js';

const dayMs = 24 * 3_600_000;

/** Looks payers by x402, and those whom they pay, up in the lists of sanctions. */
@Injectable()
export class PaymentScreening {
  constructor(
    private readonly dataSource: DataSource,
    private readonly chain: ChainLink,
    private readonly screening: Screening,
    private readonly changes: ChangeRecords,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** The reason against a payment that is good otherwise; null: nobody in it is listed, nor the key that signed for a wallet that is a contract. Error: SCREENING_UNAVAILABLE. */
  async against({ paymentPayload, paymentRequirements }: FacilitatorRequest, signer: string | undefined): Promise<'payer_sanctioned' | 'recipient_sanctioned' | null> {
    const [payer, payTo] = [getAddress(payerOf(paymentPayload)), getAddress(paymentRequirements.payTo)];
    const all = [...new Set([payer, ...(signer === undefined ? [] : [signer]), payTo])];
    const hits = await this.screening.hits(all);
    const listed = all.find((address) => hits.has(address));
    if (listed === undefined) return null;
    const reason = listed === payTo ? 'recipient_sanctioned' : 'payer_sanctioned';
    await this.note({ listed, payer, payTo, reason, where: hits.get(listed)! });
    return reason;
  }

  /** In the log, once a day for each who is listed: signing a payment costs nothing, and would fill it. */
  private async note({ listed, where, ...refused }: { listed: string; payer: string; payTo: string; reason: 'payer_sanctioned' | 'recipient_sanctioned'; where: string }): Promise<void> {
    const nowMs = this.clock.nowMs();
    await withTenant(this.dataSource, '*', async (manager) => {
      const rows = await manager.query<unknown[]>('INSERT INTO settlement.x402_refusals (listed, day, first_at_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1', [listed, Math.floor(nowMs / dayMs), nowMs]);
      if (rows.length === 0) return;
      const id = this.ids.uuid();
      await this.changes.ofDeployment(manager, 'x402.refused', id, { ...refused, source: where, chainId: Number(this.chain.chainId) });
      await this.outbox.event(manager, x402Events.refused, { id, ...refused, atMs: nowMs });
    });
    this.outbox.kick();
  }
}
