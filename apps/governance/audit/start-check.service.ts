import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { AssertionError } from '#kernel';
import { Readiness } from '#service';
import { Sequencer } from './sequencer.service.js';

/**
 * Rebuilds the tree's edge at the start and compares it with the stored root. A broken log stops appending (records wait in
 * their stream) and makes the service not ready; everything else goes on, so that it can be looked into.
 */
@Injectable()
export class StartCheck implements OnApplicationBootstrap {
  private readonly logger = new Logger(StartCheck.name);
  private whole = false;

  constructor(
    private readonly sequencer: Sequencer,
    private readonly readiness: Readiness,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.readiness.add('log', () => this.whole);
    try {
      await this.sequencer.check();
      this.whole = true;
    } catch (error) {
      if (!(error instanceof AssertionError)) throw error;
      this.logger.error(`the audit log is broken and takes no entries: ${error.message}`);
    }
  }
}
