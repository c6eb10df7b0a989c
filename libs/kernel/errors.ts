/** How an expected failure is to be treated; mapped to an HTTP status once, at the edge. */
export const ErrorKind = {
  invalid: 'invalid',
  unauthenticated: 'unauthenticated',
  denied: 'denied',
  notFound: 'notFound',
  conflict: 'conflict',
  precondition: 'precondition',
  tooLarge: 'tooLarge',
  exhausted: 'exhausted',
  limited: 'limited',
  unavailable: 'unavailable',
  internal: 'internal',
} as const;
export type ErrorKind = (typeof ErrorKind)[keyof typeof ErrorKind];

/** An expected outcome that is not success: stable code, kind, a sentence that says what to do. */
export class DomainError extends Error {
  constructor(
    readonly code: string,
    readonly kind: ErrorKind,
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'DomainError';
  }
}

/** Narrowing helper for catch clauses. */
export function isDomainError(error: unknown, code?: string): error is DomainError {
  return error instanceof DomainError && (code === undefined || error.code === code);
}
