import { DomainError } from '#kernel';

/** The same error, naming the record that holds it. */
export function recorded(error: DomainError, record: string): DomainError {
  return new DomainError(error.code, error.kind, error.message, { ...error.details, record }, { cause: error });
}
