import { isAffected, isLoopback } from '#protocol';

/** `2.9.10` of `nats-server: v2.9.10`; undefined when the text names no version. */
export function parseNatsVersion(text: string): string | undefined {
  return /v?(\d+\.\d+\.\d+)/.exec(text)?.[1];
}

/** Says why a server may not be offered to provider nodes on `host`, or undefined when it may. */
export function exposureRefusal(version: string, host: string): string | undefined {
  if (isLoopback(host) || !isAffected(version)) return undefined;
  return (
    `nats-server ${version} is affected by CVE-2025-30215 and is refused on ${host}: it may be used on loopback only. ` +
    'Install 2.10.27, 2.11.1 or later to let nodes of other machines connect.'
  );
}
