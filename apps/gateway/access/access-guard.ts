import { Injectable, Logger } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { failure } from '#protocol';
import { Authenticator } from '../request/authenticate.js';
import { SalesCounter } from '../x402/sales-counter.js';
import { AdminReads } from './admin-reads.js';
import { accessMetadata, authorise, soldMetadata } from './authorise.js';
import type { Access } from './authorise.js';
import type { AuthenticatedRequest } from './principal.js';

/** The one guard: authenticates, then authorises what the endpoint declares. An endpoint that declares nothing is closed. */
@Injectable()
export class AccessGuard implements CanActivate {
  private readonly logger = new Logger(AccessGuard.name);

  constructor(
    private readonly reflector: Reflector,
    private readonly authenticator: Authenticator,
    private readonly counter: SalesCounter,
    private readonly reads: AdminReads,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const access = this.reflector.get<Access | undefined>(accessMetadata, context.getHandler());
    if (access?.kind === 'open') return true;
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const isSold = this.reflector.get<boolean | undefined>(soldMetadata, context.getHandler()) === true;
    const seller = isSold && request.headers.authorization === undefined ? this.counter.key : undefined;
    const principal = this.authenticator.authenticate(seller ?? request.headers.authorization);
    request.isBuyer = seller !== undefined;
    if (!access) {
      this.logger.error(`${context.getClass().name}.${context.getHandler().name} declares no action: it is closed`);
      throw failure('NOT_ALLOWED', 'this endpoint is closed');
    }
    const tenant = access.tenantOf(request, principal);
    authorise(principal, access.action, tenant);
    request.principal = principal;
    request.resourceTenant = tenant;
    if (this.reads.concerns(principal, access.action, tenant)) return this.reads.note(principal, access.action, tenant).then(() => true);
    return true;
  }
}
