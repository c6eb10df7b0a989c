import { z } from 'zod';
import { pageRequest, uuid } from '#protocol';

/** A page of a listing, as query parameters. */
export const pageQuery = z.object({
  after: pageRequest.shape.after,
  limit: z.coerce.number<string>().int().min(1).max(200).default(50),
});
export type PageQuery = z.output<typeof pageQuery>;

/** Whose: left out = the caller's own organisation, or all for those who may see all. The guard reads it; handlers take what it allowed. */
export const tenantQuery = z.object({ tenant: uuid.optional() });

export const tenantPageQuery = pageQuery.extend(tenantQuery.shape);
export type TenantPageQuery = z.output<typeof tenantPageQuery>;
