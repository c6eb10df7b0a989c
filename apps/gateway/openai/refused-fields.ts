import type { z } from 'zod';

/** Fields with which a caller of other gateways redirects a request or its credentials. Where a request runs is decided here. */
const refused = ['api_base', 'base_url', 'api_key'] as const;

/** With this llama.cpp's server runs past `max_tokens`, which is what is reserved. */
const overLimit = 'n_predict';

/** A check for body schemas: none of the refused fields. */
export function noRefusedFields(value: object, context: z.RefinementCtx): void {
  for (const name of refused) {
    if (Object.hasOwn(value, name)) context.addIssue({ code: 'custom', path: [name], message: 'may not be set: where a request runs is decided by policy' });
  }
  if (Object.hasOwn(value, overLimit)) context.addIssue({ code: 'custom', path: [overLimit], message: 'may not be set: the limit is max_tokens' });
}
