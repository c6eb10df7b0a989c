import type { ConsumerInfo, StreamInfo } from '@nats-io/jetstream';
import { Inject, Injectable } from '@nestjs/common';
import { Bus } from '#messaging';
import { SteadyClock } from '../steady-clock.service.js';

/** The durable consumer of RECORDS whose acknowledgements tell how far the books are. */
export const recordsDurable = 'billing-records';

const keptMarks = 256;
const pollMs = 25;

/**
 * How far the books have followed the stream of records: everything that was in the stream at `caughtUpToMs` is booked.
 * Money is only taken back for times that the books have passed.
 */
export abstract class RecordsProgress {
  /** Milliseconds by this service's steady clock; `-1` before the first look. No answer is no progress. */
  abstract caughtUpToMs(): Promise<number>;

  /** Whether the books reach `timeMs` within `waitMs`. */
  async reaches(timeMs: number, waitMs: number): Promise<boolean> {
    for (let waited = 0; ; waited += pollMs) {
      if ((await this.caughtUpToMs()) >= timeMs) return true;
      if (waited >= waitMs) return false;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
}

/** Compares the stream's last sequence at moments with the consumer's acknowledged floor now. */
@Injectable()
export class JetStreamRecordsProgress extends RecordsProgress {
  private marks: { atMs: number; sequence: number }[] = [];
  private reachedMs = -1;

  constructor(
    @Inject(Bus) private readonly bus: Bus,
    @Inject(SteadyClock) private readonly clock: SteadyClock,
  ) {
    super();
  }

  async caughtUpToMs(): Promise<number> {
    const atMs = this.clock.nowMs();
    const state = await this.look().catch(() => undefined);
    if (!state) return this.reachedMs;
    const { stream, consumer } = state;
    this.marks.push({ atMs, sequence: stream.state.last_seq });
    const settled = consumer.num_pending === 0 && consumer.num_ack_pending === 0;
    const floor = settled ? Math.max(stream.state.last_seq, consumer.ack_floor.stream_seq) : consumer.ack_floor.stream_seq;
    const passed = this.marks.filter((mark) => mark.sequence <= floor);
    this.reachedMs = Math.max(this.reachedMs, ...passed.map((mark) => mark.atMs));
    // The oldest marks are the ones to be reached first: drop newer ones when there are too many.
    this.marks = this.marks.filter((mark) => mark.sequence > floor).slice(0, keptMarks);
    return this.reachedMs;
  }

  /** The stream first: what the consumer is said to have done afterwards covers at least that. */
  private async look(): Promise<{ stream: StreamInfo; consumer: ConsumerInfo }> {
    const stream = await this.bus.manager.streams.info('RECORDS');
    return { stream, consumer: await this.bus.manager.consumers.info('RECORDS', recordsDurable) };
  }
}
