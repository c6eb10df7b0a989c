import { failure } from '#protocol';

/** The one version of the gateway-node protocol spoken today. Every message says its version first. */
export const wireVersion = 1;

/** What to tell a peer that speaks a version we do not know. */
export function versionRefusal(version: unknown): { code: 'VERSION_UNSUPPORTED'; message: string } {
  const said = typeof version === 'number' ? `version ${version}` : 'no version';
  return { code: 'VERSION_UNSUPPORTED', message: `the peer speaks ${said} of the node protocol; this side speaks version ${wireVersion}` };
}

/** Error: NODE_PROTOCOL, always. */
export function protocolError(message: string, details: Record<string, unknown> = {}, cause?: unknown): Error {
  return failure('NODE_PROTOCOL', message, details, cause);
}
