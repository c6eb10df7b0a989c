import { createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import { failure } from '#protocol';
import type { AuthenticatedRequest } from './principal.js';

function allowed(context: ExecutionContext): string | null {
  const { resourceTenant } = context.switchToHttp().getRequest<AuthenticatedRequest>();
  if (resourceTenant === undefined) throw failure('NOT_ALLOWED', 'this endpoint is closed');
  return resourceTenant;
}

/** The organisation that the guard allowed; `null` = all of them. Handlers never read it from the request again. */
export const AllowedTenant = createParamDecorator((_data: unknown, context: ExecutionContext): string | null => allowed(context));

/** The same for calls about one organisation. Error: REQUEST_INVALID when someone who may see all named none. */
export const OneTenant = createParamDecorator((_data: unknown, context: ExecutionContext): string => {
  const tenant = allowed(context);
  if (tenant === null) throw failure('REQUEST_INVALID', 'name the organisation: tenant', { param: 'tenant' });
  return tenant;
});
