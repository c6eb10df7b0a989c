import { Catch } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { throwError } from 'rxjs';
import { asRequestError } from './database-errors.js';

/** Errors of calls and consumers reach the transport as they are: it maps them to the wire, and decides on redelivery. */
@Catch()
export class PassErrorsToTransport extends BaseExceptionFilter implements ExceptionFilter {
  override catch(error: unknown, host: ArgumentsHost): unknown {
    if (host.getType() === 'rpc') return throwError(() => asRequestError(error));
    super.catch(error, host);
    return undefined;
  }
}
