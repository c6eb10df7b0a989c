import { assert, isUuid } from '#kernel';

/** Which part of an object: bytes from `start`, up to and without `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface StoredObject {
  readonly bytes: number;
}

/**
 * Where objects are kept: opaque bytes under opaque keys, the verbs that S3 has. An object is there whole or not at all, and
 * once `put` has resolved it survives the death of any process and of the machine.
 */
export abstract class ObjectStore {
  /** Keeps what `source` gives, replacing what was there. When the source throws, nothing is kept and its error is passed on. */
  abstract put(key: ObjectKey, source: AsyncIterable<Uint8Array>): Promise<StoredObject>;
  /** Error: NOT_FOUND. */
  abstract get(key: ObjectKey, range?: ByteRange): Promise<AsyncIterable<Uint8Array>>;
  abstract head(key: ObjectKey): Promise<StoredObject | undefined>;
  /** Deleting what is not there is no error. */
  abstract delete(key: ObjectKey): Promise<void>;
}

/** Keys are made of two UUIDs: no text of a caller ever becomes part of a path. */
export interface ObjectKey {
  readonly tenant: string;
  readonly id: string;
}

/** `<tenant>/<id>`. A key of anything but UUIDs is a defect of ours. */
export function keyText({ tenant, id }: ObjectKey): string {
  assert(isUuid(tenant) && isUuid(id), 'an object key is made of UUIDs');
  return `${tenant}/${id}`;
}
