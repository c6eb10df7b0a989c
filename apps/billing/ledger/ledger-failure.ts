import { failure } from '#protocol';

/** What the database says of a posting that an account does not take, in the protocol's words; anything else stays as it is. */
export function ledgerFailure(error: unknown): unknown {
  const { code, constraint, message } = error as { code?: unknown; constraint?: unknown; message?: unknown };
  if (code !== '23514') return error;
  if (constraint === 'accounts_within_rules') return failure('ACCOUNT_LIMIT', 'an account would leave the bounds that it was given; move less, or change its rule', {}, error);
  const closed = typeof message === 'string' ? /^ACCOUNT_CLOSED: (.+)$/.exec(message) : null;
  if (closed) return failure('ACCOUNT_CLOSED', `the account ${closed[1]} is closed and takes nothing; use another one`, { account: closed[1] }, error);
  return error;
}
