import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { CostLine, InvoiceCurrency } from '#protocol';
import { nanosPerMinor } from '../invoices/rounding.js';

/** An issued invoice or credit note, as far as lines of cost need it. */
export interface IssuedInvoice {
  readonly kind: 'invoice' | 'credit_note';
  readonly currency: InvoiceCurrency;
  readonly nanosPerUsd: bigint;
  readonly issuer: string;
  readonly netMinor: bigint;
  readonly taxMinor: bigint;
  readonly usageNanos: bigint;
  readonly periodFromMs: number;
  readonly periodToMs: number;
  /** Of a note: the number of what it corrects, and why. */
  readonly corrects: string | null;
  readonly reason: string | null;
}

interface Row {
  number: string;
  kind: IssuedInvoice['kind'];
  currency: InvoiceCurrency;
  net_minor: string;
  tax_minor: string;
  rate: string;
  usage: string;
  period_from_ms: string;
  period_to_ms: string;
  issuer: string;
  corrects: string | null;
  reason: string | null;
}

@Injectable()
export class IssuedInvoicesStore {
  /** By number. */
  async find(manager: EntityManager, tenant: string, numbers: readonly string[]): Promise<ReadonlyMap<string, IssuedInvoice>> {
    if (numbers.length === 0) return new Map();
    const rows = await manager.query<Row[]>(
      `SELECT number, kind, currency, net_minor, tax_minor, period_from_ms, period_to_ms, d->'rate'->>'nanosPerUsd' AS rate, d->>'usageNanos' AS usage, d->'seller'->>'name' AS issuer, d->'corrects'->>'number' AS corrects, d->'corrects'->>'reason' AS reason
       FROM billing.invoices, LATERAL (SELECT document::jsonb AS d) AS read WHERE tenant = $1 AND number = ANY($2::text[])`,
      [tenant, numbers],
    );
    return new Map(
      rows.map((row) => [
        row.number,
        {
          ...{ kind: row.kind, currency: row.currency, nanosPerUsd: BigInt(row.rate), issuer: row.issuer, netMinor: BigInt(row.net_minor), taxMinor: BigInt(row.tax_minor), usageNanos: BigInt(row.usage) },
          ...{ periodFromMs: Number(row.period_from_ms), periodToMs: Number(row.period_to_ms), corrects: row.corrects, reason: row.reason },
        },
      ]),
    );
  }

  /** Who will bill what is in no invoice yet. */
  async sellerOf(manager: EntityManager, tenant: string): Promise<string | null> {
    const [row] = await manager.query<{ name: string }[]>(`SELECT s.details->>'name' AS name FROM billing.buyers b JOIN billing.sellers s ON s.id = b.seller WHERE b.tenant = $1`, [tenant]);
    return row?.name ?? null;
  }
}

type Beside = 'tax' | 'rounding' | 'credit_note';

/** What an invoice or note says beside usage and terms; `undefined`: nothing. A note takes off, with its tax. */
export function besideUsage(meter: Beside, { kind, netMinor, taxMinor, usageNanos, nanosPerUsd, corrects, reason }: IssuedInvoice): { model: string; endpoint: string; nanos: bigint; lessUsdNanos?: bigint } | undefined {
  const sign = kind === 'invoice' ? nanosPerMinor : -nanosPerMinor;
  switch (meter) {
    case 'tax':
      return taxMinor === 0n ? undefined : { model: 'VAT', endpoint: corrects ?? '', nanos: taxMinor * sign };
    case 'credit_note':
      return { model: corrects ?? '', endpoint: reason ?? '', nanos: netMinor * sign };
    case 'rounding':
      return netMinor * nanosPerMinor * 1_000_000_000n === usageNanos * nanosPerUsd ? undefined : { model: 'Rounding', endpoint: '', nanos: netMinor * sign, lessUsdNanos: usageNanos };
  }
}

export const isBesideUsage = (meter: CostLine['meter'] | null): meter is Beside => meter === 'tax' || meter === 'rounding' || meter === 'credit_note';
