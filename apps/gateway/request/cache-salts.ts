import { createHmac } from 'node:crypto';

/**
 * What engines that share a prefix cache among callers mix into its keys: a value of each organisation's own that nobody else can guess,
 * so that the time to a first token tells nothing about what others have asked. The same in all gateways.
 */
export class CacheSalts {
  private readonly known = new Map<string, string>();

  constructor(private readonly secret: string) {}

  of(tenant: string): string {
    let salt = this.known.get(tenant);
    if (salt === undefined) this.known.set(tenant, (salt = createHmac('sha256', this.secret).update(`prefix-cache ${tenant}`).digest('base64url')));
    return salt;
  }
}
