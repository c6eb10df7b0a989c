/** A time of the chain, in Unix seconds, as people read it: RFC 3339, UTC. */
export const isoOf = (seconds: bigint): string => new Date(Number(seconds) * 1_000).toISOString();
