/** Lets text through until one of the stop sequences is whole; what may be the beginning of one is held back. */
export class StopSequences {
  private held = '';
  private found = false;

  constructor(private readonly sequences: readonly string[]) {}

  /** Whether a sequence was met: nothing after it is let through. */
  get stopped(): boolean {
    return this.found;
  }

  /** What may be shown now. */
  take(text: string): string {
    if (this.found) return '';
    const all = this.held + text;
    const at = Math.min(...this.sequences.map((sequence) => all.indexOf(sequence)).filter((index) => index >= 0));
    if (at !== Infinity) {
      this.found = true;
      this.held = '';
      return all.slice(0, at);
    }
    const kept = Math.max(0, ...this.sequences.map((sequence) => overlap(all, sequence)));
    this.held = kept === 0 ? '' : all.slice(-kept);
    return kept === 0 ? all : all.slice(0, -kept);
  }

  /** What was held back, when no more text comes. */
  rest(): string {
    const rest = this.held;
    this.held = '';
    return rest;
  }
}

/** Length of the longest end of `text` with which `sequence` begins. */
function overlap(text: string, sequence: string): number {
  for (let length = Math.min(text.length, sequence.length - 1); length > 0; length -= 1) {
    if (text.endsWith(sequence.slice(0, length))) return length;
  }
  return 0;
}
