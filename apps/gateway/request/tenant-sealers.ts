import type { Clock } from '#kernel';
import { requestKeyOf, Sealer } from '#protocol';
import type { TenantEntry } from '#protocol';

/** A data key seals for an hour at most. */
const sealerAgeMaxMs = 3_600_000;

interface Current {
  readonly sealer: Sealer;
  readonly sealKeyId: string;
  readonly sinceMs: number;
}

/** The data key under which this gateway seals an organisation's record bodies; only the organisation's own key opens them. */
export class TenantSealers {
  private readonly current = new Map<string, Current>();

  constructor(private readonly clock: Clock) {}

  of(tenant: TenantEntry): Sealer {
    const nowMs = this.clock.monotonicMs();
    const known = this.current.get(tenant.tenant);
    const { id, key } = requestKeyOf(tenant);
    if (known && known.sealKeyId === id && !known.sealer.worn && nowMs - known.sinceMs < sealerAgeMaxMs) return known.sealer;
    const sealer = new Sealer(Buffer.from(key, 'base64'), id);
    this.current.set(tenant.tenant, { sealer, sealKeyId: id, sinceMs: nowMs });
    return sealer;
  }
}
