import { DomainError, ErrorKind } from '#kernel';

/** Every stable error code, with its kind and the OpenAI error `type` under which clients see it. */
export const errorCodes = {
  // the caller
  API_KEY_MISSING: ErrorKind.unauthenticated,
  API_KEY_INVALID: ErrorKind.unauthenticated,
  NOT_ALLOWED: ErrorKind.denied,
  REQUEST_INVALID: ErrorKind.invalid,
  JSON_INVALID: ErrorKind.invalid,
  BODY_TOO_LARGE: ErrorKind.tooLarge,
  HEADER_INVALID: ErrorKind.invalid,
  URL_REFUSED: ErrorKind.invalid,
  AMOUNT_INVALID: ErrorKind.invalid,
  AMOUNT_OVERFLOW: ErrorKind.invalid,
  NOT_FOUND: ErrorKind.notFound,
  ROUTE_NOT_FOUND: ErrorKind.notFound,
  MODEL_NOT_FOUND: ErrorKind.notFound,
  MODEL_NOT_ALLOWED: ErrorKind.denied,
  CONFLICT: ErrorKind.conflict,
  IDEMPOTENCY_MISMATCH: ErrorKind.conflict,
  LIMIT_REACHED: ErrorKind.denied,
  // limit
  RATE_LIMITED: ErrorKind.limited,
  CONCURRENCY_LIMITED: ErrorKind.limited,
  TOKENS_OVER_LIMIT: ErrorKind.limited,
  // decide
  POLICY_DENIED: ErrorKind.denied,
  POLICY_INVALID: ErrorKind.invalid,
  // reserve
  BUDGET_EXHAUSTED: ErrorKind.exhausted,
  BUDGET_MISSING: ErrorKind.exhausted,
  SPEND_LIMIT_REACHED: ErrorKind.exhausted,
  EXPOSURE_EXCEEDED: ErrorKind.exhausted,
  LEASE_EXPIRED: ErrorKind.precondition,
  PRICE_UNKNOWN: ErrorKind.precondition,
  // x402
  PAYMENT_REQUIRED: ErrorKind.exhausted,
  PAYMENT_FAILED: ErrorKind.exhausted,
  PAYMENTS_PAUSED: ErrorKind.unavailable,
  // place and dispatch
  NO_OFFER: ErrorKind.unavailable,
  NO_CAPACITY: ErrorKind.limited,
  NODE_UNREACHABLE: ErrorKind.unavailable,
  NODE_BUSY: ErrorKind.limited,
  NODE_PROTOCOL: ErrorKind.unavailable,
  ENGINE_FAILED: ErrorKind.unavailable,
  ENGINE_REFUSED: ErrorKind.invalid,
  DEADLINE_EXCEEDED: ErrorKind.unavailable,
  // providers
  ENROLMENT_INVALID: ErrorKind.denied,
  NODE_REVOKED: ErrorKind.denied,
  // record
  RECORD_UNAVAILABLE: ErrorKind.unavailable,
  RECORD_PENDING: ErrorKind.notFound,
  PERSONAL_DATA_ERASED: ErrorKind.precondition,
  RECORD_RESTRICTED: ErrorKind.precondition,
  LEGAL_HOLD: ErrorKind.precondition,
  // keys
  KMS_UNAVAILABLE: ErrorKind.unavailable,
  KMS_REFUSED: ErrorKind.precondition,
  // the parts behind
  SERVICE_UNAVAILABLE: ErrorKind.unavailable,
  STARTING: ErrorKind.unavailable,
  DATABASE_UNAVAILABLE: ErrorKind.unavailable,
  CHAIN_UNAVAILABLE: ErrorKind.unavailable,
  CHAIN_REJECTED: ErrorKind.precondition,
  NOTHING_DUE: ErrorKind.precondition,
  INVOICE_IMPOSSIBLE: ErrorKind.precondition,
  DEPOSIT_INSUFFICIENT: ErrorKind.precondition,
  DELEGATE_UNUSABLE: ErrorKind.precondition,
  DELEGATE_LIMITED: ErrorKind.precondition,
  FINALITY_BROKEN: ErrorKind.precondition,
  RATE_UNUSABLE: ErrorKind.precondition,
  SANCTIONED: ErrorKind.denied,
  SCREENING_UNAVAILABLE: ErrorKind.unavailable,
  TOKEN_NOT_ALLOWED: ErrorKind.denied,
  ACCOUNT_CLOSED: ErrorKind.precondition,
  ACCOUNT_LIMIT: ErrorKind.precondition,
  RESERVATION_EXPIRED: ErrorKind.precondition,
  LEDGER_UNBALANCED: ErrorKind.internal,
  INTERNAL: ErrorKind.internal,
} as const satisfies Record<string, ErrorKind>;
export type ErrorCode = keyof typeof errorCodes;

/** A DomainError of the protocol. `message` says what was wrong, where, and what to do. */
export function failure(code: ErrorCode, message: string, details: Record<string, unknown> = {}, cause?: unknown): DomainError {
  return new DomainError(code, errorCodes[code], message, details, cause === undefined ? undefined : { cause });
}

/** Rebuilds an error that crossed the wire; an unknown code is internal. */
export function failureFromWire(code: string, message: string, details: Record<string, unknown>): DomainError {
  const kind = (errorCodes as Record<string, ErrorKind>)[code] ?? ErrorKind.internal;
  return new DomainError(code, kind, message, details);
}

/** HTTP status per kind, mapped once. */
export const httpStatus: Record<ErrorKind, number> = {
  invalid: 400,
  unauthenticated: 401,
  exhausted: 402,
  denied: 403,
  notFound: 404,
  conflict: 409,
  tooLarge: 413,
  precondition: 422,
  limited: 429,
  internal: 500,
  unavailable: 503,
};

/** OpenAI's `error.type` per kind. */
export const openAiErrorType: Record<ErrorKind, string> = {
  invalid: 'invalid_request_error',
  unauthenticated: 'invalid_request_error',
  exhausted: 'insufficient_quota',
  denied: 'permission_error',
  notFound: 'invalid_request_error',
  conflict: 'invalid_request_error',
  tooLarge: 'invalid_request_error',
  precondition: 'invalid_request_error',
  limited: 'rate_limit_error',
  internal: 'server_error',
  unavailable: 'server_error',
};
