import { createHash, randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import type { machineFacts } from '#protocol';

export type MachineFacts = z.output<typeof machineFacts>;

/** An enrolment token as it is kept: the token itself is shown once and never stored. */
export interface EnrolmentToken {
  readonly id: string;
  readonly name: string;
  /** What holds by contract; null when the node's word is all there is. */
  readonly facts: MachineFacts | null;
  readonly expiresAtMs: number;
  /** The node that used it. */
  readonly node: string | null;
}

/** 256 random bits: guessing needs no defence, so a plain hash suffices. */
export const newToken = (): string => `mzt_${randomBytes(32).toString('base64url')}`;

/** Lower-case hex SHA-256: what is stored and looked up. */
export const tokenHash = (token: string): string => createHash('sha256').update(token).digest('hex');

/** Names of the facts in which a node's word differs from its contract. */
export function factsBeyondContract(contract: MachineFacts | null, said: MachineFacts): string[] {
  if (contract === null) return [];
  return (Object.keys(contract) as (keyof MachineFacts)[]).filter((name) => !isDeepStrictEqual(contract[name], said[name]));
}
