import { StandardSchemaValidationPipe } from '@nestjs/common';
import { failure } from '#protocol';

/** Parses what the schemas of `@Body`, `@Query` and `@Param` declare. Error: REQUEST_INVALID naming the first wrong member. */
export const validation = new StandardSchemaValidationPipe({
  exceptionFactory: (issues) => {
    const first = issues[0];
    const path = (first?.path ?? []).map((segment) => String(typeof segment === 'object' ? segment.key : segment)).join('.');
    const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
    return failure('REQUEST_INVALID', `${path === '' ? '' : `${path}: `}${first?.message ?? 'not valid'}${more}`, { param: path === '' ? null : path });
  },
});
