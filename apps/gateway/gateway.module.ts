import { Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE } from '@nestjs/core';
import { AccessGuard } from './access/access-guard.js';
import { controllers } from './controllers.js';
import { BodyParsers } from './http/body-parsers.js';
import { EdgeChecks } from './http/edge-checks.js';
import { ErrorFilter } from './http/error-filter.js';
import { MultipartBodies } from './http/multipart-bodies.js';
import { RequestIds } from './http/request-ids.js';
import { RequestLog } from './http/request-log.js';
import { TraceRequest } from './http/trace-request.js';
import { validation } from './http/validation.js';
import { openApiDocument } from './openapi/document.js';
import { OPENAPI_DOCUMENT } from './openapi/openapi.controller.js';
import { GatewayLifecycle, parts } from './parts.js';

@Module({
  controllers: [...controllers],
  providers: [
    ...parts,
    GatewayLifecycle,
    RequestIds,
    RequestLog,
    MultipartBodies,
    EdgeChecks,
    BodyParsers,
    TraceRequest,
    { provide: OPENAPI_DOCUMENT, useFactory: () => openApiDocument(controllers) },
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: APP_PIPE, useValue: validation },
    { provide: APP_FILTER, useClass: ErrorFilter },
  ],
})
export class GatewayModule {}
