import type { Clock } from '#kernel';
import { limits } from '#protocol';
import type { GatewayPresence } from '#protocol';
import type { Standing } from './share.js';

/** Silence after which a gateway counts as gone. */
const goneMs = limits.presenceMs * limits.presenceMissesMax;

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

  standing(): Standing {
    const nowMs = this.clock.monotonicMs();
    let [gateways, rank] = [1, 0];
    for (const [gateway, atMs] of this.heardAtMs) {
      if (nowMs - atMs > goneMs) this.heardAtMs.delete(gateway);
      else {
        gateways += 1;
        if (gateway < this.self) rank += 1;
      }
    }
    return { gateways, rank };
  }
}
