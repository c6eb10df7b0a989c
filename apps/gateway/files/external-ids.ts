import { isDomainError } from '#kernel';
import { failure } from '#protocol';

const names = { 'file-': 'file', batch_: 'batch', resp_: 'response' } as const;
type Prefix = keyof typeof names;

/** Ids as OpenAI's clients see them: a prefix and the UUID without its hyphens. */
export const externalId = (prefix: Prefix, id: string): string => `${prefix}${id.replaceAll('-', '')}`;

/** The UUID in an external id. Error: NOT_FOUND when it is none, for then nothing has it. */
export function internalId(prefix: Prefix, external: string, param?: string): string {
  const hex = external.startsWith(prefix) ? external.slice(prefix.length) : '';
  if (!/^[0-9a-f]{12}[1-8][0-9a-f]{3}[89ab][0-9a-f]{15}$/.test(hex)) throw failure('NOT_FOUND', `there is no ${names[prefix]} "${external.slice(0, 64)}"`, param === undefined ? {} : { param });
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Where a page begins. Error: REQUEST_INVALID for what is no id; one of something that is gone is as good as any. */
export function cursor(prefix: Prefix, after: string | undefined): { after?: string } {
  if (after === undefined) return {};
  try {
    return { after: internalId(prefix, after) };
  } catch (error) {
    throw isDomainError(error) ? failure('REQUEST_INVALID', '"after" is the id of the last item of the page before', { param: 'after' }) : error;
  }
}
