import { failure } from '#protocol';
import type { Authenticator } from '../request/authenticate.js';
import type { AuthenticatedRequest, Principal } from './principal.js';

/** A second key, of an administrator who wants to see where a request spends its time: those who administrate run nothing themselves. */
export const timingHeader = 'x-mizan-admin-key';

/** Whether the request shows its steps. Errors: API_KEY_INVALID, NOT_ALLOWED (no administrator of this organisation). */
export function seesTimings(authenticator: Pick<Authenticator, 'authenticate'>, request: Pick<AuthenticatedRequest, 'headers'>, { tenant }: Pick<Principal, 'tenant'>): boolean {
  const key = request.headers[timingHeader];
  if (key === undefined) return false;
  const admin = authenticator.authenticate(`Bearer ${String(key)}`);
  if (admin.role !== 'platform_admin' && (admin.role !== 'org_admin' || admin.tenant !== tenant)) throw failure('NOT_ALLOWED', `${timingHeader} must be the key of an administrator of this organisation`, { param: timingHeader });
  return true;
}
