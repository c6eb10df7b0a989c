import { isAffected, isLoopback } from '#protocol';

/**
 * Why nodes may not be sent to a server, or undefined. Servers before 2.10.27, and 2.11.0, let any client of an account manage
 * its JetStream assets (CVE-2025-30215): they serve nodes of this machine only.
 */
export function exposureRefusal(version: string, publicUrl: string): string | undefined {
  const hosts = publicUrl.split(',').map(hostOf);
  if (hosts.every(isLoopback) || !isAffected(version)) return undefined;
  return `nats-server ${version} is affected by CVE-2025-30215 and may not serve nodes at ${publicUrl}: use 2.10.27, 2.11.1 or later, or a loopback address`;
}

function hostOf(url: string): string {
  const text = url.trim();
  const full = text.includes('://') ? text : `nats://${text}`;
  return URL.canParse(full) ? new URL(full).hostname : '';
}
