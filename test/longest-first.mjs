import { statSync } from 'node:fs';

/** Compiles contracts again and again: begun last, it would be waited for alone. */
const longest = 'contracts/contracts.spec.ts';

/** The order of Jest for files that it has not seen yet (large ones first), the longest before all. */
export default class LongestFirst {
  sort(tests) {
    const weight = ({ path }) => (path.endsWith(longest) ? Number.MAX_SAFE_INTEGER : statSync(path).size);
    return [...tests].sort((a, b) => weight(b) - weight(a));
  }

  shard(tests) {
    return tests;
  }

  allFailedTests(tests) {
    return tests;
  }

  cacheResults() {}
}
