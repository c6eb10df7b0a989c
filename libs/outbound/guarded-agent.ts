import { lookup as systemLookup } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Agent } from 'undici';
import type { AllowList } from './allow-list.js';
import { refused } from './outbound-target.js';

/** Resolves a name to all of its addresses. */
export type ResolveHost = (host: string, done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void) => void;

const connectMs = 5_000;
const headersMs = 15_000;

/**
 * Connections that only reach what is permitted. A name is resolved once and the connection goes to the very address that was judged, so a
 * second answer of its DNS server is of no use; a name with any address that is not permitted is refused whole.
 */
export function guardedAgent(allowed: AllowList, resolve: ResolveHost = systemResolve): Agent {
  const lookup: LookupFunction = (host, options, done) => {
    resolve(host, (error, addresses) => {
      if (error) return done(error, '');
      const listed = allowed.hasHost(host);
      if (addresses.length === 0) return done(Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' }), '');
      if (!listed && !addresses.every(({ address }) => allowed.permits(address))) return done(refused('its host leads to an address that is not a public one'), '');
      if (options.all === true) done(null, addresses);
      else done(null, addresses[0]!.address, addresses[0]!.family);
    });
  };
  return new Agent({ connect: { lookup, timeout: connectMs }, headersTimeout: headersMs, bodyTimeout: headersMs, maxHeaderSize: 16 * 1024 });
}

const systemResolve: ResolveHost = (host, done) => systemLookup(host, { all: true }, done);
