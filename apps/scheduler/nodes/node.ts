import type { z } from 'zod';
import { limits } from '#protocol';
import type { Evidence, node } from '#protocol';
import type { MachineFacts } from '../enrolment/token.js';

/** A provider's machine. `revoked` is final. */
export interface Node {
  readonly id: string;
  readonly name: string;
  /** Raw Ed25519 identity key, hex. */
  readonly publicKey: string;
  readonly natsPublicKey: string;
  readonly payoutAddress: string;
  readonly facts: MachineFacts;
  readonly evidence: Evidence;
  readonly state: 'enrolled' | 'revoked';
  readonly enrolledAtMs: number;
  readonly lastSeenMs: number | null;
  /** Where gateways call it straight; part of what it signed. */
  readonly publicUrl: string | null;
}

/** Silence after which a node counts as gone. */
export const silenceMs = limits.heartbeatMs * limits.heartbeatMissesMax;

export function isOnline(of: Node, nowMs: number): boolean {
  return of.state === 'enrolled' && of.lastSeenMs !== null && nowMs - of.lastSeenMs <= silenceMs;
}

export function nodeToWire(of: Node, nowMs: number): z.output<typeof node> {
  const { id, name, publicKey, payoutAddress, facts, evidence, state, enrolledAtMs, lastSeenMs, publicUrl } = of;
  return { id, name, publicKey, payoutAddress, facts, evidence, state, online: isOnline(of, nowMs), enrolledAtMs, lastSeenMs, publicUrl };
}
