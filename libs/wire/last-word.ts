/** How long a node may take to say what it did for a job that is no longer wanted: it signs, syncs to disk, and answers. */
const lastWordMs = 1_000;

/** A job that this side has left, while the node's last word about it may still come. */
export class LastWord {
  private readonly timer: NodeJS.Timeout;

  constructor(
    readonly reason: unknown,
    silent: () => void,
  ) {
    this.timer = setTimeout(silent, lastWordMs);
  }

  heard(): void {
    clearTimeout(this.timer);
  }
}
