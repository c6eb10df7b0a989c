import type { MsgHdrs } from '@nats-io/transport-node';
import { DomainError } from '#kernel';
import { failureFromWire } from '#protocol';

/** Error headers as the NATS service convention names them; the body then holds message and details. */
export const errorHeader = 'Nats-Service-Error-Code';
export const errorTextHeader = 'Nats-Service-Error';

export function encodeError(error: unknown): { code: string; body: string } {
  if (error instanceof DomainError) return { code: error.code, body: JSON.stringify({ message: error.message, details: error.details }) };
  return { code: 'INTERNAL', body: JSON.stringify({ message: 'the request failed inside the service; its log has the cause', details: {} }) };
}

export function decodeError(headers: MsgHdrs, body: string): DomainError | undefined {
  const code = headers.get(errorHeader);
  if (!code) return undefined;
  const { message, details } = JSON.parse(body) as { message: string; details: Record<string, unknown> };
  return failureFromWire(code, message, details);
}
