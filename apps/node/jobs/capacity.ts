import { assert } from '#kernel';

/** Places for jobs: the node itself is the authority on what it can take. */
export class Capacity {
  private taken = 0;

  constructor(readonly places: number) {}

  get inFlight(): number {
    return this.taken;
  }

  /** Takes a place; false when all are taken. */
  take(): boolean {
    if (this.taken >= this.places) return false;
    this.taken += 1;
    return true;
  }

  give(): void {
    assert(this.taken > 0, 'a place is given back once');
    this.taken -= 1;
  }
}
