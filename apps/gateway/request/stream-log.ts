import type { Bus, Publisher } from '#messaging';
import { CommitLog } from './group-commit.js';

const subject = 'mizan.record.gateway';

/** The RECORDS stream of JetStream. */
export class StreamLog extends CommitLog {
  constructor(
    private readonly bus: Pick<Bus, 'isConnected'>,
    private readonly publisher: Publisher,
  ) {
    super();
  }

  isAvailable(): boolean {
    return this.bus.isConnected;
  }

  append(commit: Uint8Array, id: string): Promise<void> {
    return this.publisher.publish(subject, commit, { id });
  }
}
