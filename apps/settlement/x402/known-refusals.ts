import { createHash } from 'node:crypto';
import { Lru } from '#kernel';
import type { FacilitatorRequest } from '#protocol';

/** Refusals remembered: some 2 MB. */
const refusalsMax = 10_000;
/** Money may come, and then the same payment is good: two blocks of two seconds. */
const passingMs = 4_000;
/** What no block changes, or hardly: as long as most authorisations are good for. */
const lastingMs = 300_000;
const lasting: ReadonlySet<string> = new Set(['invalid_exact_evm_signature', 'invalid_permit2_signature', 'invalid_exact_evm_nonce_already_used', 'permit2_invalid_nonce']);

/** What the chain said against payments a short while ago: brought again, they are answered from here. */
export class KnownRefusals {
  private readonly known = new Lru<string, { readonly reason: string; readonly untilMs: number }>(refusalsMax);

  constructor(private readonly nowMs: () => number) {}

  of(request: FacilitatorRequest): string | undefined {
    const found = this.known.get(keyOf(request));
    return found && found.untilMs > this.nowMs() ? found.reason : undefined;
  }

  remember(request: FacilitatorRequest, reason: string): void {
    this.known.set(keyOf(request), { reason, untilMs: this.nowMs() + (lasting.has(reason) ? lastingMs : passingMs) });
  }
}

const keyOf = ({ paymentPayload, paymentRequirements }: FacilitatorRequest): string => createHash('sha256').update(JSON.stringify([paymentPayload.payload, paymentRequirements])).digest('base64');
