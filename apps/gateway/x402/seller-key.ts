import { readFileSync } from 'node:fs';

/** A key that is put in place, or replaced, is in force after this long at most. */
const keepMs = 2_000;

/** The API key of the operator's own project: given, or in a file, which need not be there yet. It leaves this object only to be authenticated. */
export class SellerKey {
  #known: { readonly key: string | undefined; readonly untilMs: number } | undefined;
  readonly #given: string | undefined;

  constructor(
    given: string | undefined,
    private readonly file: string | undefined,
    private readonly nowMs: () => number,
  ) {
    this.#given = given;
  }

  /** As a caller would send it; undefined while there is none: nothing is sold then. */
  authorization(): string | undefined {
    const key = this.#given ?? this.fromFile();
    return key === undefined ? undefined : `Bearer ${key}`;
  }

  private fromFile(): string | undefined {
    if (this.file === undefined) return undefined;
    if (this.#known === undefined || this.#known.untilMs <= this.nowMs()) this.#known = { key: textOf(this.file), untilMs: this.nowMs() + keepMs };
    return this.#known.key;
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
