import type { Clock } from '#kernel';
import { limits } from '#protocol';
import type { GatewayPresence } from '#protocol';
import type { Standing } from './share.js';

/** Silence after which a gateway counts as gone. */
const goneMs = limits.presenceMs * limits.presenceMissesMax;
/** A gateway that was gone for this long is not expected back after an outage of the bus. */
const forgottenMs = 600_000;

/** The gateways that live, as far as this one has heard. It always counts itself. */
export class LiveGateways {
  private readonly heardAtMs = new Map<string, number>();

  constructor(
    private readonly self: string,
    private readonly clock: Clock,
  ) {}

  heard({ gateway, state }: GatewayPresence): void {
    if (gateway === this.self) return;
    if (state === 'gone') this.heardAtMs.delete(gateway);
    else this.heardAtMs.set(gateway, this.clock.monotonicMs());
  }

  /** The bus was away, and with it everybody's beats: until they are heard again, all that were known count as living. */
  reconnected(): void {
    const nowMs = this.clock.monotonicMs();
    for (const gateway of this.heardAtMs.keys()) this.heardAtMs.set(gateway, nowMs);
  }

  standing(): Standing {
    const nowMs = this.clock.monotonicMs();
    let [gateways, rank] = [1, 0];
    for (const [gateway, atMs] of this.heardAtMs) {
      if (nowMs - atMs > forgottenMs) this.heardAtMs.delete(gateway);
      else if (nowMs - atMs <= goneMs) {
        gateways += 1;
        if (gateway < this.self) rank += 1;
      }
    }
    return { gateways, rank };
  }
}
