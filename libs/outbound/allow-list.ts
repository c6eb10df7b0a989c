import ipaddr from 'ipaddr.js';
import { z } from 'zod';

type Address = ReturnType<typeof ipaddr.parse>;

/**
 * What an operator lists as reachable though it is not public: host names (`images.internal`) and blocks of addresses (`10.1.0.0/16`,
 * `127.0.0.1/32`), separated by commas. A host on the list may resolve to anything.
 */
export class AllowList {
  private readonly hosts = new Set<string>();
  private readonly blocks: [Address, number][] = [];

  /** Error: TypeError naming the entry that is neither. */
  constructor(list = '') {
    for (const entry of list.split(',').map((one) => one.trim().toLowerCase())) {
      if (entry === '') continue;
      if (entry.includes('/')) this.blocks.push(blockOf(entry));
      else if (/^[a-z0-9.-]+$/.test(entry) && !/^[\d.]+$/.test(entry)) this.hosts.add(entry);
      else throw new TypeError(`"${entry}" is neither a host name nor a block of addresses such as 10.1.0.0/16`);
    }
  }

  hasHost(host: string): boolean {
    return this.hosts.has(host.toLowerCase());
  }

  /** Whether a connection may go to this address: a public unicast one, or one that is listed. */
  permits(address: string): boolean {
    const parsed = parsedAddress(address);
    if (parsed === undefined) return false;
    return isPublic(parsed) || this.blocks.some(([base, bits]) => base.kind() === parsed.kind() && parsed.match(base, bits));
  }
}

/** Everything but ordinary public unicast has a range of its own there: private, loopback, link-local, carrier NAT, 6to4, NAT64, Teredo, reserved. */
const isPublic = (address: Address): boolean => address.range() === 'unicast';

/** An IPv4 address in IPv6 clothes (`::ffff:127.0.0.1`) is the IPv4 address. */
function parsedAddress(address: string): Address | undefined {
  const bare = address.replace(/^\[|\]$/g, '');
  return ipaddr.isValid(bare) ? ipaddr.process(bare) : undefined;
}

function blockOf(entry: string): [Address, number] {
  try {
    return ipaddr.parseCIDR(entry);
  } catch {
    throw new TypeError(`"${entry}" is not a block of addresses such as 10.1.0.0/16`);
  }
}

function isAllowList(text: string): boolean {
  try {
    return new AllowList(text) instanceof AllowList;
  } catch {
    return false;
  }
}

/** An allow list as a setting; nothing by default. */
export const allowListText = z.string().default('').refine(isAllowList, 'host names and blocks of addresses such as 10.1.0.0/16, separated by commas');
