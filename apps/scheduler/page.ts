import { failure, uuid } from '#protocol';

/** A keyset page of things that are known by UUID. Error: REQUEST_INVALID. */
export function checkedPage<P extends { after?: string | undefined }>(request: P): P {
  if (request.after !== undefined && !uuid.safeParse(request.after).success) throw failure('REQUEST_INVALID', '"after" is the id of the last item of the page before');
  return request;
}
