import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import { formatVerifierKey, Missing, nodeCrypto, openKeyHistory, parseNote, parseVerifierKey, requireDated, requireOfTheLog, sha256, type Checkpoint, type KeyHistory, type VerifierKey } from '#merkle';

export const keyHistoryOption = (): Option => new Option('--key-history <file>', "the keys that the log had, as /log/keys serves them: a file under any key that both sides of each change have signed from or to yours counts").env('MIZAN_LOG_KEY_HISTORY');

/** Error: `Malformed`, or the key that all follows from is not given. */
export function readKeyHistory(file: string | undefined, logKey: string | undefined): KeyHistory | undefined {
  if (file === undefined) return undefined;
  if (logKey === undefined) throw new Error('--key-history takes --log-key as well: it leads from a key that you know to others');
  return openKeyHistory(nodeCrypto, readFileSync(file, 'utf8'), parseVerifierKey(sha256, logKey));
}

/** Keys of a log that a reader takes for its own: one, or with a history those that follow from it. */
export class KnownKeys {
  constructor(
    private readonly known: VerifierKey,
    private readonly history?: KeyHistory,
  ) {}

  /** Errors: `Malformed`; the file cannot be read. */
  static given(logKey: string, historyFile?: string): KnownKeys {
    return new KnownKeys(parseVerifierKey(sha256, logKey), readKeyHistory(historyFile, logKey));
  }

  /** Of the log: its keys have one. */
  get name(): string {
    return this.known.name;
  }

  /** Whether a verifier key is one of them. */
  has(key: string): boolean {
    return this.keys.some((one) => formatVerifierKey(one) === key);
  }

  /** The one of them that is written so; the reader's own where none is. */
  named(key: string): VerifierKey {
    return this.keys.find((one) => formatVerifierKey(one) === key) ?? this.known;
  }

  /** The one that a note has a signature of; the reader's own where it has none, which then finds nothing. */
  signerOf(note: string): VerifierKey {
    const { signatures } = parseNote(note);
    return this.keys.find((key) => signatures.some(({ name, keyId }) => name === key.name && keyId === key.keyId)) ?? this.known;
  }

  /** Errors: of a state that a former key signed, see {@link requireOfTheLog}. */
  requireOfTheLog(key: VerifierKey, state: Pick<Checkpoint, 'size' | 'root'>): void {
    const dated = this.history?.keys.find((one) => one.key === key);
    if (dated !== undefined) requireOfTheLog(this.history!, dated, state);
  }

  /** Errors: of another note that a former key signed, see {@link requireDated}; `whatTells` is what to look at instead. */
  requireDated(key: VerifierKey, size: number, whatTells: string): void {
    const dated = this.history?.keys.find((one) => one.key === key);
    if (dated !== undefined) requireDated(dated, size, whatTells);
  }

  private get keys(): readonly VerifierKey[] {
    return this.history?.keys.map(({ key }) => key) ?? [this.known];
  }
}

/** What could not be checked; undefined: there is nothing of that. Error: what is wrong. */
export function doubtOf(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof Missing) return error.message;
    throw error;
  }
}
