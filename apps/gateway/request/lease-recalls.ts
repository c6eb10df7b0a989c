import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { leaseRecall, leaseRecallSubject } from '#protocol';
import type { LeaseRecall } from '#protocol';
import type { LeaseBook } from './reserve.js';

/** Answers billing, which asks for money that lies unused here while a request somewhere else is short of it. */
export class LeaseRecalls {
  constructor(
    connection: Pick<NatsConnection, 'subscribe'>,
    gateway: string,
    private readonly book: Pick<LeaseBook, 'recall'>,
  ) {
    connection.subscribe(leaseRecallSubject(gateway), {
      callback: (error, message) => {
        if (!error) this.answer(message);
      },
    });
  }

  private answer(message: Msg): void {
    const recall = parse(message);
    // Without an inbox nobody would hear what was given up.
    if (recall && message.reply) message.respond(JSON.stringify(z.encode(leaseRecall.reply, { leases: this.book.recall(recall) })));
  }
}

function parse(message: Msg): LeaseRecall | undefined {
  try {
    return leaseRecall.request.parse(message.json());
  } catch {
    return undefined;
  }
}
