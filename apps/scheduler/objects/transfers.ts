import type { Clock } from '#kernel';
import { readTicket, writeTicket } from './ticket.js';
import type { Ticket } from './ticket.js';

/** A transfer begins within this time of being asked for; how long it takes is another matter. */
const ticketMs = 10 * 60_000;

type Unsigned = Ticket extends infer T ? (T extends Ticket ? Omit<T, 'untilMs'> : never) : never;

const paths = { 'put-file': 'files', 'get-file': 'files', 'put-response': 'responses', 'get-response': 'responses', 'get-response-events': 'response-events', 'run-response': 'response-runs', 'run-line': 'lines' } as const;

/** A run sends its events under the address that it was claimed with, for as long as it may last. */
const runMs = 20 * 60_000;

/** Addresses under which gateways move contents in and out of this deployment's schedulers. */
export class Transfers {
  constructor(
    private readonly key: Uint8Array,
    private readonly clock: Clock,
    private readonly base: () => string,
  ) {}

  urlFor(of: Unsigned): string {
    return `${this.base().replace(/\/$/, '')}/internal/${paths[of.may]}?ticket=${writeTicket(this.key, { ...of, untilMs: this.clock.nowMs() + (of.may === 'run-response' ? runMs : ticketMs) })}`;
  }

  /** Undefined for a ticket that opens nothing here and now. */
  read<May extends Ticket['may']>(written: string, may: May): Extract<Ticket, { may: May }> | undefined {
    return readTicket(this.key, written, may, this.clock.nowMs());
  }
}
