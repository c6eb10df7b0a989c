import { DomainError } from '#kernel';
import type { Usage } from '#protocol';

/** The same error, naming the record that holds it, and what was used until then where anything may have been. */
export function recorded(error: DomainError, record: string, used?: Usage): DomainError {
  return new DomainError(error.code, error.kind, error.message, { ...error.details, record, ...(used && { used }) }, { cause: error });
}

/** What was used before an error ended it. */
export const usedUntil = (error: unknown): Usage | undefined => (error instanceof DomainError ? (error.details['used'] as Usage | undefined) : undefined);
