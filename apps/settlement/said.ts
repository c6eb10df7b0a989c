/** What was said last of each thing that is tried again and again: the same problem is said once. */
export class Said {
  private readonly last = new Map<string, string>();

  /** Whether this has not just been said of it; from now on it has. */
  isNew(of: string, problem: string): boolean {
    const isNew = this.last.get(of) !== problem;
    this.last.set(of, problem);
    return isNew;
  }

  /** What comes of it next is said, whatever it is. */
  forget(of: string): void {
    this.last.delete(of);
  }

  keepOnly(those: ReadonlySet<string>): void {
    for (const of of this.last.keys()) if (!those.has(of)) this.last.delete(of);
  }
}
