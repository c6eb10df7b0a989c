import { describe, expect, it } from '@jest/globals';
import { isDomainError } from '#kernel';
import { actions, grants, roles } from '#protocol';
import { uuidOf } from '../examples.js';
import { askedTenant, authorise, bodyTenant, pathTenant } from './authorise.js';
import type { AuthenticatedRequest, Principal } from './principal.js';

const own = uuidOf(1);
const other = uuidOf(2);
const principal = (role: Principal['role']): Principal => ({ keyId: uuidOf(4), tenant: own, project: null, role });

function outcome(role: Principal['role'], action: (typeof actions)[number], tenant: string | null): string {
  try {
    authorise(principal(role), action, tenant);
    return 'ok';
  } catch (error) {
    return isDomainError(error) ? error.code : 'other';
  }
}

describe('authorisation', () => {
  it('lets a role do what the table grants in its own organisation, and nothing else', () => {
    for (const role of roles) for (const action of actions) expect(outcome(role, action, own)).toBe(grants[role].actions.has(action) ? 'ok' : 'NOT_ALLOWED');
  });

  it("says of another organisation's resource that it does not exist, whatever the action", () => {
    for (const role of roles.filter((candidate) => grants[candidate].scope === 'own')) for (const action of actions) expect(outcome(role, action, other)).toBe('NOT_FOUND');
  });

  it('lets a platform administrator set up any organisation, but run nothing', () => {
    expect(outcome('platform_admin', 'key.write', other)).toBe('ok');
    expect(outcome('platform_admin', 'inference.run', own)).toBe('NOT_ALLOWED');
  });
});

describe('naming the address that pays', () => {
  it('is for the platform alone: its keystore signs for that address, whosever deposit it holds', () => {
    expect(roles.filter((role) => outcome(role, 'payer.write', own) === 'ok')).toEqual(['platform_admin']);
  });
});

describe('whose resource a request is about', () => {
  const request = (parts: object): AuthenticatedRequest => ({ params: {}, query: {}, body: undefined, ...parts }) as unknown as AuthenticatedRequest;

  it('takes it from where the endpoint says, and from nowhere else', () => {
    const mixed = request({ params: { tenant: 'p' }, query: { tenant: 'q' }, body: { tenant: 'b' } });
    expect([pathTenant(mixed, principal('finance')), askedTenant(mixed, principal('finance')), bodyTenant(mixed, principal('finance'))]).toEqual(['p', 'q', 'b']);
  });

  it('falls back to the own organisation, or to all for those who may see all', () => {
    for (const find of [askedTenant, bodyTenant]) {
      expect(find(request({}), principal('finance'))).toBe(own);
      expect(find(request({}), principal('platform_admin'))).toBeNull();
      expect(find(request({ query: { tenant: ['x', 'y'] }, body: { tenant: 7 } }), principal('finance'))).toBe(own);
    }
  });
});
