import { z } from 'zod';
import { filePurposes } from '#protocol';
import type { StoredFile } from '#protocol';
import { externalId } from './external-ids.js';

/** A file as OpenAI's clients see it. Times are Unix seconds. */
export const fileObject = z.object({
  id: z.string(),
  object: z.literal('file'),
  bytes: z.int().nonnegative(),
  created_at: z.int(),
  expires_at: z.int().optional(),
  filename: z.string(),
  purpose: z.enum(filePurposes),
  status: z.literal('processed'),
});
export type FileObject = z.output<typeof fileObject>;

const seconds = (ms: number): number => Math.floor(ms / 1_000);

export const toFileObject = ({ id, bytes, createdAtMs, expiresAtMs, filename, purpose }: StoredFile): FileObject => ({
  id: externalId('file-', id),
  object: 'file',
  bytes,
  created_at: seconds(createdAtMs),
  ...(expiresAtMs === null ? {} : { expires_at: seconds(expiresAtMs) }),
  filename,
  purpose,
  status: 'processed',
});

/** A page of a listing as OpenAI's clients see it. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z.object({ object: z.literal('list'), data: z.array(item), first_id: z.string().nullable(), last_id: z.string().nullable(), has_more: z.boolean() });

export const toList = <T extends { id: string }>(data: T[], hasMore: boolean): { object: 'list'; data: T[]; first_id: string | null; last_id: string | null; has_more: boolean } => ({
  object: 'list',
  data,
  first_id: data[0]?.id ?? null,
  last_id: data.at(-1)?.id ?? null,
  has_more: hasMore,
});
