import { statSync } from 'node:fs';

/** Seconds on two cores, of files whose size says nothing of them: each has a whole stack, or compiles contracts again and again. */
const known = {
  'test/e2e/faults': 330,
  'contracts/contracts': 200,
  'test/e2e/files-and-batches': 110,
  'test/e2e/fuzz': 100,
  'test/e2e/verify': 95,
  'apps/governance/audit/tiles.it': 85,
  'apps/scheduler/scheduler.it': 70,
  'test/e2e/invoices': 70,
  'test/e2e/streaming': 70,
  'test/e2e/access-and-input': 65,
  'apps/gateway/edge.it': 60,
  'test/audit/sequencer-faults.it': 60,
  'test/e2e/openai-client': 55,
  'test/e2e/trace': 50,
  'test/e2e/traffic': 45,
};
const workers = 2;

/**
 * The order of Jest for files that it has not seen yet: long ones first, and files with a whole stack, of which one runs at a time, so far apart that none waits
 * for the one before. Its workers take what is next; when, is foreseen.
 */
export default class LongestFirst {
  sort(tests) {
    const foreseen = tests.map((test) => ({ test, seconds: secondsOf(test.path), hasStack: test.path.endsWith('.e2e.spec.ts') }));
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
