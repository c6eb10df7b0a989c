import { assert } from '#kernel';
import type { WrappedKey } from '#objects';
import type { filePurposes, StoredFile } from '#protocol';

export type FilePurpose = (typeof filePurposes)[number];

/** `opened`: an upload under way; `stored`: its content is there, its description is not; `shown`: a file; `deleted`: its content goes. */
export type FileState = 'opened' | 'stored' | 'shown' | 'deleted';

export interface File {
  readonly id: string;
  readonly tenant: string;
  readonly project: string;
  readonly keyId: string;
  readonly state: FileState;
  readonly purpose: FilePurpose | null;
  readonly filename: string | null;
  readonly bytes: number | null;
  readonly wrappedKey: WrappedKey | null;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
}

/** Content of an upload that nobody finished goes after this time. */
export const uploadMsMax = 3_600_000;

export function fileToWire(file: File): StoredFile {
  const { id, tenant, project, filename, purpose, bytes, createdAtMs, expiresAtMs } = file;
  assert(filename !== null && purpose !== null && bytes !== null, 'a file that is shown has a name, a purpose and a size');
  return { id, tenant, project, filename, purpose, bytes, createdAtMs, expiresAtMs };
}
