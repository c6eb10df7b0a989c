import { Interface } from 'ethers';
import { failure } from '#protocol';
import type { ChainLink } from '../chain/chain-link.js';
import { SanctionsSource } from './sanctions-source.js';
import type { SourceState } from './sanctions-source.js';

const oracle = new Interface(['function isSanctioned(address account) view returns (bool)']);
/** Questions to the chain at a time. */
const asksAtOnce = 25;
/** An address that was found clear is asked about again after this long; one that is listed at once. */
const clearMs = 60_000;
/** Addresses remembered as clear: some 20 MB. */
const clearMax = 100_000;

/** A contract that answers `isSanctioned(address)`, at a final block. */
export class OracleSource extends SanctionsSource {
  private readonly clearUntilMs = new Map<string, number>();

  constructor(
    private readonly address: string,
    private readonly chain: Pick<ChainLink, 'ask' | 'finalized'>,
    private readonly nowMs: () => number,
  ) {
    super();
  }

  async listed(addresses: readonly string[]): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    const unknown = addresses.filter((address) => (this.clearUntilMs.get(address) ?? 0) <= this.nowMs());
    if (unknown.length === 0) return found;
    try {
      const { number } = await this.chain.finalized();
      if (this.clearUntilMs.size > clearMax) this.clearUntilMs.clear();
      for (let at = 0; at < unknown.length; at += asksAtOnce) {
        const some = unknown.slice(at, at + asksAtOnce);
        const answers = await Promise.all(some.map((address) => this.isListed(address, number)));
        for (const [place, listed] of answers.entries()) {
          if (listed) found.add(some[place]!);
          else this.clearUntilMs.set(some[place]!, this.nowMs() + clearMs);
        }
      }
    } catch (error) {
      throw failure('SCREENING_UNAVAILABLE', `the sanctions oracle ${this.address} does not answer: nobody is paid before it does`, { oracle: this.address }, error);
    }
    return found;
  }

  state(): SourceState {
    return { kind: 'oracle', name: this.address, entries: null, loadedAtMs: null };
  }

  private async isListed(address: string, block: number): Promise<boolean> {
    return oracle.decodeFunctionResult('isSanctioned', await this.chain.ask(this.address, oracle.encodeFunctionData('isSanctioned', [address]), block))[0] as boolean;
  }
}
