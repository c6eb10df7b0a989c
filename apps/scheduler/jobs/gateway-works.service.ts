import { Inject, Injectable } from '@nestjs/common';
import { Lines } from '../batches/lines.service.js';
import { BackgroundResponses } from '../responses/background-responses.service.js';
import type { GatewayWork } from './gateway-work.js';
import type { JobKind } from './job.js';

/** The kinds of work that gateways run. */
@Injectable()
export class GatewayWorks {
  constructor(
    @Inject(Lines) private readonly lines: Lines,
    @Inject(BackgroundResponses) private readonly responses: BackgroundResponses,
  ) {}

  of(kind: JobKind): GatewayWork {
    switch (kind) {
      case 'batch.line':
        return this.lines;
      case 'response.run':
        return this.responses;
      case 'batch.validate':
      case 'batch.finalise':
        throw new TypeError(`${kind} is no work of gateways`);
    }
  }
}
