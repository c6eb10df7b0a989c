import { failure } from '#protocol';

/**
 * What PostgreSQL says of a value that its columns cannot hold: text with a NUL or half a surrogate pair (22021, 22P05), text that is no
 * uuid or number (22P02), a number or a time out of range (22003, 22008). The value came with the request.
 */
const unstorable: ReadonlySet<unknown> = new Set(['22021', '22P05', '22P02', '22003', '22008']);

/** Says of such an error that the request was wrong; any other stays what it is. */
export function asRequestError(error: unknown): unknown {
  const code = (error as { driverError?: { code?: unknown } } | null | undefined)?.driverError?.code;
  return unstorable.has(code) ? failure('REQUEST_INVALID', 'a value of the request is out of range or of no form that can be stored', {}, error) : error;
}
