import { isIP } from 'node:net';
import { failure } from '#protocol';
import type { AllowList } from './allow-list.js';

const urlCharsMax = 4_096;

/**
 * A URL that a user or a provider gave, read once and strictly. Oddities by which parsers differ (a backslash, control characters, user
 * information, `http:/host`) are refused rather than mended, and what is an address in any notation is judged as the address: the URL standard has turned
 * `0x7f.1` and `2130706433` into `127.0.0.1` by then. Names are judged when they are resolved. Error: URL_REFUSED.
 */
export function outboundTarget(text: string, allowed: AllowList): URL {
  if (text.length > urlCharsMax) throw refused('it is too long');
  if (!/^https?:\/\/[^\s\\@]+$/i.test(text)) throw refused('it must be a plain http or https URL without spaces, backslashes and user names');
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw refused('it is not a URL');
  }
  const host = url.hostname.replace(/^\[|\]$|\.$/g, '');
  if (isIP(host) !== 0 && !allowed.permits(host)) throw refused('its address is not a public one');
  if (isLocalName(host) && !allowed.hasHost(host)) throw refused('its host is not a public one');
  return url;
}

/** Names that never lead out (RFC 6761, RFC 6762, RFC 9476), and single labels, which a search list would complete. */
const isLocalName = (host: string): boolean => isIP(host) === 0 && (!host.includes('.') || /\.(localhost|local|internal|intranet|home\.arpa|lan)$/i.test(host));

export const refused = (why: string, cause?: unknown) => failure('URL_REFUSED', `this URL is not fetched: ${why}`, {}, cause);
