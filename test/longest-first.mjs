import { statSync } from 'node:fs';

/** Seconds on two cores that are busy, of files whose size says nothing of them: each has a whole stack, or compiles contracts again and again. */
const known = {
  'test/e2e/one-stack': 320,
  'test/e2e/faults': 260,
  'test/e2e/streaming': 123,
  'contracts/contracts': 110,
  'test/settlement/settlement-faults.it': 82,
  'test/billing/killed-books.it': 51,
  'test/audit/sequencer-faults.it': 37,
  'apps/scheduler/scheduler.it': 36,
  'apps/settlement/settlement.it': 35,
  'apps/settlement/payouts/payout-rules.it': 33,
  'apps/settlement/epochs/delegated-epochs.it': 33,
  'apps/gateway/openai/stalled-clients.it': 29,
  'apps/gateway/direct-nodes.it': 26,
  'apps/governance/governance.it': 25,
  'apps/gateway/edge.it': 25,
  'test/e2e/stored-responses': 23,
};
/** Each has the whole stack, of which one runs at a time. */
const withStack = ['test/e2e/one-stack', 'test/e2e/faults', 'test/e2e/streaming'];
/** One for each core of a small machine: with more, what a stack does in its own time comes late. */
export const workers = 2;

/**
 * The order of Jest for files that it has not seen yet: long ones first, and files with a whole stack, of which one runs at a time, so far apart that none waits
 * for the one before. Its workers take what is next; when, is foreseen.
 */
export default class LongestFirst {
  sort(tests) {
    const foreseen = tests.map((test) => ({ test, seconds: secondsOf(test.path), hasStack: withStack.some((name) => test.path.includes(name)) }));
    const waiting = foreseen.sort((a, b) => b.seconds - a.seconds);
    const freeAt = Array.from({ length: workers }, () => 0);
    let stackFreeAt = 0;
    const order = [];
    while (waiting.length > 0) {
      const now = Math.min(...freeAt);
      const at = waiting.findIndex(({ hasStack }) => (stackFreeAt <= now ? hasStack : !hasStack));
      const [{ test, seconds, hasStack }] = waiting.splice(Math.max(at, 0), 1);
      if (hasStack) stackFreeAt = Math.max(stackFreeAt, now) + seconds;
      freeAt[freeAt.indexOf(now)] = hasStack ? stackFreeAt : now + seconds;
      order.push(test);
    }
    return order;
  }

  shard(tests) {
    return tests;
  }

  allFailedTests(tests) {
    return tests;
  }

  cacheResults() {}
}

function secondsOf(path) {
  const name = Object.keys(known).find((each) => path.includes(each));
  if (name !== undefined) return known[name];
  return (path.endsWith('.it.spec.ts') ? 9 : path.endsWith('.e2e.spec.ts') ? 30 : 2) + statSync(path).size / 5_000;
}
