import { statSync, readFileSync } from 'node:fs';
import { Logger } from '@nestjs/common';
import { getAddress } from 'ethers';
import { failure } from '#protocol';
import { SanctionsSource } from './sanctions-source.js';
import type { SourceState } from './sanctions-source.js';

/** Entries of a list; what the world's lists hold together is a hundredth of it. */
const entriesMax = 1_000_000;

/** An address that is not the beginning of something longer. */
const anyAddress = /0x[0-9a-f]{40}(?![0-9a-f])/i;

/**
 * Addresses of a list, one a line; `#` begins a remark. Lines without one are of other chains and count for nothing. Throws what is wrong with a line that begins as an
 * address and is none, or that has one among other things; and when there is not one address: such a file is another form of list, or cut off.
 */
export function addressesIn(text: string): Set<string> {
  const found = new Set<string>();
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    const entry = line.replace(/#.*$/, '').trim();
    if (!/^0x/i.test(entry)) {
      if (anyAddress.test(entry)) throw new Error(`line ${at + 1} has an address among other things, give one a line and nothing else: ${entry.slice(0, 60)}`);
      continue;
    }
    if (!/^0x[0-9a-f]{40}$/i.test(entry)) throw new Error(`line ${at + 1} is no address: ${entry.slice(0, 60)}`);
    if (found.size >= entriesMax) throw new Error(`it has more than ${entriesMax} addresses`);
    found.add(getAddress(entry.toLowerCase()));
  }
  if (found.size === 0) throw new Error('it has not one address: give a list with an address a line');
  return found;
}

/** A file, read again when it has changed. A changed file that cannot be read leaves the list as it was, and is said aloud. */
export class ListSource extends SanctionsSource {
  private readonly logger = new Logger(ListSource.name);
  private entries = new Set<string>();
  private version = '';
  private loadedAtMs = 0;

  /** Error: REQUEST_INVALID when the file cannot be read, has not one address, or a line that is none. */
  constructor(
    private readonly path: string,
    private readonly nowMs: () => number,
  ) {
    super();
    try {
      this.load();
    } catch (error) {
      throw failure('REQUEST_INVALID', `SETTLEMENT_SCREENING_LIST: ${path}: ${(error as Error).message}`, {}, error);
    }
  }

  listed(addresses: readonly string[]): Promise<ReadonlySet<string>> {
    try {
      this.load();
    } catch (error) {
      this.logger.error(`${this.path}: ${(error as Error).message}; the list of ${new Date(this.loadedAtMs).toISOString()} stays in force`);
    }
    return Promise.resolve(new Set(addresses.filter((address) => this.entries.has(address))));
  }

  state(): SourceState {
    return { kind: 'list', name: this.path, entries: this.entries.size, loadedAtMs: this.loadedAtMs };
  }

  private load(): void {
    const { mtimeMs, size, ino } = statSync(this.path);
    const version = `${mtimeMs} ${size} ${ino}`;
    if (version === this.version) return;
    this.entries = addressesIn(readFileSync(this.path, 'utf8'));
    this.version = version;
    this.loadedAtMs = this.nowMs();
  }
}
