import { SetMetadata } from '@nestjs/common';
import { failure, grants, isAllowed } from '#protocol';
import type { Action } from '#protocol';
import type { AuthenticatedRequest, Principal } from './principal.js';

/** Finds the organisation whose resource is asked for; `null` = the deployment's own. */
export type TenantOf = (request: AuthenticatedRequest, principal: Principal) => string | null;

export type Access = { readonly kind: 'open' } | { readonly kind: 'authorised'; readonly action: Action; readonly tenantOf: TenantOf };

export const accessMetadata = 'mizan:access';

/** Declares what an endpoint does and on whose resource. Without a declaration nobody may call it. */
export const Authorise = (action: Action, tenantOf: TenantOf): MethodDecorator => SetMetadata<string, Access>(accessMetadata, { kind: 'authorised', action, tenantOf });

/** Declares an endpoint that needs no API key. */
export const Open = (): MethodDecorator => SetMetadata<string, Access>(accessMetadata, { kind: 'open' });

export const soldMetadata = 'mizan:sold';

/** Declares that who has no account may pay for one request, where the operator sells them: it runs under the operator's own key. */
export const Sold = (): MethodDecorator => SetMetadata(soldMetadata, true);

/** The organisation in the path, as `:tenant`. */
export const pathTenant: TenantOf = (request) => (request.params as { tenant: string }).tenant;
/** The principal's own organisation. */
export const ownTenant: TenantOf = (_request, principal) => principal.tenant;
/** The deployment itself. */
export const deployment: TenantOf = () => null;
/** The organisation in the query, as `tenant`; left out = the principal's own, or all for those who may see all. */
export const askedTenant: TenantOf = (request, principal) => textMember(request.query, 'tenant') ?? ownOrAll(principal);
/** The same in the body. */
export const bodyTenant: TenantOf = (request, principal) => textMember(request.body, 'tenant') ?? ownOrAll(principal);

const ownOrAll = (principal: Principal): string | null => (grants[principal.role].scope === 'any' ? null : principal.tenant);

/** Errors: NOT_FOUND for another organisation's resource (whether it exists is not told), NOT_ALLOWED for a missing right. */
export function authorise(principal: Principal, action: Action, tenant: string | null): void {
  if (isAllowed(principal, action, tenant)) return;
  if (tenant !== null && tenant !== principal.tenant && grants[principal.role].scope === 'own') throw failure('NOT_FOUND', 'there is no such resource');
  throw failure('NOT_ALLOWED', `the role ${principal.role} may not do ${action}`);
}

function textMember(value: unknown, name: string): string | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  const member = (value as Record<string, unknown>)[name];
  return typeof member === 'string' ? member : undefined;
}
