import type { Nanos } from '#kernel';
import type { UsedLease } from '#protocol';

/** What a gateway says of a lease. */
export interface SaidOf extends UsedLease {
  readonly gateway: string;
}

/**
 * Books what gateways answer as it comes, for whoever is short of it, also what comes after the `waitMs` that the sum is waited for. One booking runs at a time, with all that came during the last:
 * a round has as many answers as gateways, and they take the same locks. `failed`: an answer that did not come, or could not be booked.
 */
export async function takeAnswers(asked: readonly Promise<readonly SaidOf[]>[], book: (said: readonly SaidOf[]) => Promise<Nanos>, waitMs: number, failed: (error: unknown) => void): Promise<Nanos> {
  let backNanos = 0n;
  let arrived: SaidOf[] = [];
  let booking = undefined as Promise<void> | undefined;
  const bookAll = async (): Promise<void> => {
    while (arrived.length > 0) {
      const said = arrived;
      arrived = [];
      await book(said).then((nanos) => (backNanos += nanos), failed);
    }
    booking = undefined;
  };
  const taken = asked.map(async (answer) => {
    const said = await answer;
    if (said.length === 0) return;
    arrived.push(...said);
    booking ??= bookAll();
    await booking;
  });
  await within(Promise.all(taken.map((one) => one.catch(failed))), waitMs);
  // What has come is waited for: nobody is refused what is here.
  await booking;
  return backNanos;
}

async function within(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([work, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}
