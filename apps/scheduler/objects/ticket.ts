import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { uuid } from '#protocol';

/** What one transfer of contents may do, signed by a scheduler for whoever holds it. */
const ticket = z.discriminatedUnion('may', [
  z.object({ may: z.literal('put-file'), tenant: uuid, id: uuid, untilMs: z.int() }),
  z.object({ may: z.literal('get-file'), tenant: uuid, id: uuid, untilMs: z.int() }),
  z.object({ may: z.literal('put-response'), tenant: uuid, id: uuid, untilMs: z.int() }),
  z.object({ may: z.literal('get-response'), tenant: uuid, id: uuid, untilMs: z.int() }),
  z.object({ may: z.literal('get-response-events'), tenant: uuid, id: uuid, untilMs: z.int() }),
  z.object({ may: z.literal('run-response'), tenant: uuid, id: uuid, fence: z.int(), untilMs: z.int() }),
  z.object({ may: z.literal('run-line'), tenant: uuid, id: uuid, fence: z.int(), untilMs: z.int() }),
]);
export type Ticket = z.output<typeof ticket>;

const sign = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** `<base64url of the ticket>.<base64url of its HMAC-SHA256>`: fits an address. */
export function writeTicket(key: Uint8Array, of: Ticket): string {
  const text = Buffer.from(JSON.stringify(of)).toString('base64url');
  return `${text}.${sign(key, text).toString('base64url')}`;
}

/** The ticket, when a scheduler of this deployment wrote it, it has not run out, and it is for this. */
export function readTicket<May extends Ticket['may']>(key: Uint8Array, written: string, may: May, nowMs: number): Extract<Ticket, { may: May }> | undefined {
  const [text = '', signature = ''] = written.split('.');
  const given = Buffer.from(signature, 'base64url');
  const right = sign(key, text);
  if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined;
  const read = ticket.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))).data;
  return read?.may === may && read.untilMs > nowMs ? (read as Extract<Ticket, { may: May }>) : undefined;
}
