import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getAddress } from 'ethers';
import { z } from 'zod';
import { statementFile } from '#protocol';
import type { StatementFile } from '#protocol';
import { syncDirectory, writeDurably } from '../keys/key-file.js';

/** Newest statements that are kept of each payer: each pays what the ones before it paid, and more. Those whose signer is not verified are counted apart, and displace none that is. */
export const keptPerPayer = 16;

/** A file of the directory. */
interface Kept {
  readonly name: string;
  readonly number: number;
  readonly payer: string;
  readonly isVerified: boolean;
}

const pattern = /^(\d{12})-(0x[0-9a-fA-F]{40})(\.unverified)?\.json$/;

/** Signed statements as files: `<number>-<payer>.json`, or `….unverified.json` while nobody has said that its signer may sign for the payer; beside one that was voided `….void`. */
export class KeptStatements {
  constructor(private readonly directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  numbers(): number[] {
    return this.all().map(({ number }) => number);
  }

  add(number: number, file: StatementFile, isVerified: boolean): void {
    const path = join(this.directory, nameOf(number, getAddress(file.statement.payer.toLowerCase()), isVerified));
    const draft = `${path}.${process.pid}`;
    rmSync(draft, { force: true });
    writeDurably(draft, `${JSON.stringify(z.encode(statementFile, file), null, 2)}\n`);
    renameSync(draft, path);
    syncDirectory(this.directory);
  }

  /** Those whose signer is not verified, oldest first. */
  unverified(): Kept[] {
    return this.all().filter(({ isVerified }) => !isVerified);
  }

  /** Null when it is gone or no statement file. */
  read({ name }: Kept): StatementFile | null {
    try {
      return statementFile.parse(JSON.parse(readFileSync(join(this.directory, name), 'utf8')));
    } catch {
      return null;
    }
  }

  verify({ name, number, payer }: Kept): void {
    renameSync(join(this.directory, name), join(this.directory, nameOf(number, payer, true)));
    syncDirectory(this.directory);
  }

  remove(kept: Kept): void {
    for (const name of [kept.name, voidNoteOf(kept)]) rmSync(join(this.directory, name), { force: true });
  }

  /** From which escrow a payer pays: that of the oldest statement which it signed itself, else of the oldest which is verified; null when there is none. */
  escrowOf(payer: string): Pick<StatementFile, 'chainId' | 'escrow'> | null {
    const files = this.all().flatMap((kept) => (kept.isVerified && isSame(kept.payer, payer) ? [this.read(kept)] : [])).filter((file) => file !== null);
    return files.find(({ signer }) => signer === undefined) ?? files[0] ?? null;
  }

  /** Says beside each file that it can land no more; those of which that was not said before. */
  noteVoided(voided: ReadonlySet<number>): Kept[] {
    const fresh = this.all().filter((kept) => voided.has(kept.number) && !existsSync(join(this.directory, voidNoteOf(kept))));
    for (const kept of fresh) writeFileSync(join(this.directory, voidNoteOf(kept)), `${new Date().toISOString()}\n`, { mode: 0o600 });
    return fresh;
  }

  prune(): void {
    const groups = new Map<string, Kept[]>();
    for (const kept of this.all()) {
      const key = `${kept.payer.toLowerCase()} ${kept.isVerified}`;
      groups.set(key, [...(groups.get(key) ?? []), kept]);
    }
    for (const group of groups.values()) for (const kept of group.slice(0, -keptPerPayer)) this.remove(kept);
  }

  /** Oldest first: the number is padded. */
  private all(): Kept[] {
    if (!existsSync(this.directory)) return [];
    return readdirSync(this.directory).sort().flatMap((name) => {
      const [, number, payer, mark] = pattern.exec(name) ?? [];
      return number === undefined || payer === undefined ? [] : [{ name, number: Number(number), payer, isVerified: mark === undefined }];
    });
  }
}

export const isSame = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

const nameOf = (number: number, payer: string, isVerified: boolean): string => `${String(number).padStart(12, '0')}-${payer}${isVerified ? '' : '.unverified'}.json`;

const voidNoteOf = ({ number, payer }: Kept): string => nameOf(number, payer, true).replace(/json$/, 'void');
