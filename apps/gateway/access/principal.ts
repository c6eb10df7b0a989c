import { createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { failure } from '#protocol';
import type { Reader, Role, TenantEntry } from '#protocol';

/** Who asks: an API key, the organisation and role it stands for, and its project if it is bound to one. */
export interface Principal {
  readonly keyId: string;
  readonly tenant: string;
  readonly project: string | null;
  readonly role: Role;
}

export interface AuthenticatedRequest extends FastifyRequest {
  principal?: Principal;
  /** The caller has no account and pays for this request; the principal is the operator's own. */
  isBuyer?: boolean;
  /** Whose resource the guard allowed; `null` = the deployment's, or everybody's. */
  resourceTenant?: string | null;
}

/** A controller's parameter: the principal that the guard established. */
export const CurrentPrincipal = createParamDecorator((_data: unknown, context: ExecutionContext): Principal => {
  const { principal } = context.switchToHttp().getRequest<AuthenticatedRequest>();
  if (!principal) throw failure('API_KEY_MISSING', 'this call needs an API key');
  return principal;
});

/** How other services record who asked. */
export const actorOf = (principal: Principal): { keyId: string; tenant: string } => ({ keyId: principal.keyId, tenant: principal.tenant });

/** How it is recorded who read what. */
export const readerOf = (principal: Principal): Reader => ({ ...actorOf(principal), role: principal.role });

/**
 * The project that pays: the key's own, or for a key of the whole organisation the one named by `openai-project`.
 * Errors: NOT_ALLOWED, HEADER_INVALID.
 */
export function projectOf(principal: Principal, tenant: TenantEntry, named: string | undefined): TenantEntry['projects'][number] {
  if (principal.project !== null && named !== undefined && named !== principal.project) throw failure('NOT_ALLOWED', 'this API key belongs to another project than openai-project names');
  const id = principal.project ?? named;
  if (id === undefined) throw failure('HEADER_INVALID', 'this API key belongs to no project: name one in the header openai-project', { param: 'openai-project' });
  const project = tenant.projects.find((candidate) => candidate.id === id);
  if (!project) throw failure('NOT_ALLOWED', 'the project of this request does not exist in the organisation');
  return project;
}
