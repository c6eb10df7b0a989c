import type { CloseDifference } from '#protocol';

/** Of which kind what it finds is, and SQL that answers (subject, detail) of what is wrong: none, always. */
export type Comparison = readonly [kind: CloseDifference['kind'], sql: string];
