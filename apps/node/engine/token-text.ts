/** Bytes of the longest UTF-8 character. */
const characterBytesMax = 4;

/** Text of tokens that may each be a part of a character: what is not whole yet waits for the next token. */
export class TokenText<T> {
  private readonly done: T[] = [];
  private pending: T[] = [];

  /** `detokenize`: text of tokens, given those before them. */
  constructor(private readonly detokenize: (tokens: readonly T[], before: readonly T[]) => string) {}

  take(token: T): string {
    this.pending.push(token);
    const text = this.detokenize(this.pending, this.done);
    return text.endsWith('\uFFFD') && this.pending.length < characterBytesMax ? '' : this.release(text);
  }

  rest(): string {
    return this.pending.length === 0 ? '' : this.release(this.detokenize(this.pending, this.done));
  }

  private release(text: string): string {
    this.done.push(...this.pending);
    this.done.splice(0, this.done.length - characterBytesMax);
    this.pending = [];
    return text;
  }
}
