import { failure } from '#protocol';
import type { TenantEntry } from '#protocol';
import type { Replicated } from '../replicated.js';
import type { DeclaredFacts } from '../request/declared-facts.js';
import type { Persons } from '../request/persons.js';
import { projectOf } from './principal.js';
import type { AuthenticatedRequest, Principal } from './principal.js';

/** Whose things a request is about, within its organisation: those of one project, or of all of them. */
export class ProjectScope {
  constructor(
    private readonly replicated: Pick<Replicated, 'tenants'>,
    private readonly persons: Pick<Persons, 'named'>,
  ) {}

  /** The one project that pays for what is made. Errors: NOT_ALLOWED, HEADER_INVALID, STARTING. */
  paying(principal: Principal, request: AuthenticatedRequest): { tenant: string; project: string } {
    return { tenant: principal.tenant, project: projectOf(principal, this.tenantOf(principal), named(request)).id };
  }

  /** What may be seen: a key of the whole organisation sees every project's unless it names one. Errors: NOT_ALLOWED, STARTING. */
  seen(principal: Principal, request: AuthenticatedRequest): { tenant: string; project: string | null } {
    if (principal.project === null && named(request) === undefined) return { tenant: principal.tenant, project: null };
    return this.paying(principal, request);
  }

  /** What is declared about the data, with a pseudonym for whom it is about. Error: STARTING. */
  declared(principal: Principal, declared: DeclaredFacts): DeclaredFacts {
    return this.persons.named(this.tenantOf(principal), declared);
  }

  private tenantOf(principal: Principal): TenantEntry {
    const tenant = this.replicated.tenants.get(principal.tenant);
    if (!tenant) throw failure('STARTING', 'the organisation of this API key is not known here yet; try again shortly');
    return tenant;
  }
}

function named(request: AuthenticatedRequest): string | undefined {
  const value = request.headers['openai-project'];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
