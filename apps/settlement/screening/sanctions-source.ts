import type { screeningState } from '#protocol';
import type { z } from 'zod';

export type SourceState = z.output<typeof screeningState>['sources'][number];

/** Says which addresses are under sanctions. Sources are all asked, and each hit counts. */
export abstract class SanctionsSource {
  /** Of some addresses (EIP-55), those that are listed. Error: SCREENING_UNAVAILABLE. */
  abstract listed(addresses: readonly string[]): Promise<ReadonlySet<string>>;

  abstract state(): SourceState;
}
