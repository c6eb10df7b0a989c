/**
 * Whether a server lets any client of an account manage its JetStream assets from outside the account (CVE-2025-30215):
 * everything before 2.10.27, and 2.11.0. Distributions patch without changing the number; no promise is read from that.
 */
export function isAffected(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  if (major !== 2) return major < 2;
  if (minor !== 10) return minor < 10 || (minor === 11 && patch < 1);
  return patch < 27;
}

/** Whether a host name or address means this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
