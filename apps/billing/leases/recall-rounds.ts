/** From the end of a round to the next of the same budget: gateways that are asked at each refusal would do nothing else. */
const restMs = 100;

/** One round at a time for each subject. Who comes while one runs or rests is served by the next, which many share. */
export class RecallRounds {
  private readonly last = new Map<string, Promise<void>>();
  private readonly next = new Map<string, Promise<boolean>>();

  /** The outcome of a round that begins after this call. */
  join(subject: string, round: () => Promise<boolean>): Promise<boolean> {
    const waiting = this.next.get(subject);
    if (waiting) return waiting;
    const begun = (this.last.get(subject) ?? Promise.resolve()).then(() => {
      this.next.delete(subject);
      const running = round();
      const rested = running.then(rest, rest).then(() => {
        if (this.last.get(subject) === rested) this.last.delete(subject);
      });
      this.last.set(subject, rested);
      return running;
    });
    this.next.set(subject, begun);
    return begun;
  }
}

const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, restMs));
