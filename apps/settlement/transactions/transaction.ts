import type { Fees } from '#chain';

export const transactionStates = ['planned', 'signed', 'broadcast', 'mined', 'final', 'failed'] as const;
export type TransactionState = (typeof transactionStates)[number];

/**
 * What may follow what. `broadcast` after `mined` is a reorganisation, after `final` one that nobody allows for; `failed` after `planned` is a refusal before any nonce
 * was taken, after `broadcast` a nonce that a foreign transaction used, after `mined` a transaction that reverted.
 */
export const transactionTransitions: Record<TransactionState, readonly TransactionState[]> = {
  planned: ['signed', 'failed'],
  signed: ['broadcast'],
  broadcast: ['mined', 'failed'],
  mined: ['final', 'failed', 'broadcast'],
  final: ['broadcast'],
  failed: [],
};

/** Signed bytes of a transaction. All attempts of one share its nonce, so at most one is ever mined. */
export interface Attempt {
  readonly hash: string;
  readonly raw: string;
  readonly fees: Fees;
  /** Unix milliseconds of the first and of the last time it was sent, or null. */
  readonly firstSentAtMs: number | null;
  readonly sentAtMs: number | null;
}

export type TransactionPurpose = 'register' | 'settle' | 'x402';

/** A call that the relayer owes the chain. */
export interface PlannedCall {
  readonly purpose: TransactionPurpose;
  /** What it is about: a payee's address, a statement's id, a payment's. One open transaction per purpose and subject. */
  readonly subject: string;
  readonly target: string;
  readonly data: string;
}

export interface OutboxTransaction extends PlannedCall {
  readonly id: string;
  readonly state: TransactionState;
  readonly nonce: number | null;
  readonly minedTx: string | null;
  readonly minedBlockHash: string | null;
  /** What it waits for, or why it failed. */
  readonly error: string | null;
  /** Oldest first. */
  readonly attempts: readonly Attempt[];
}
