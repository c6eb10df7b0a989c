import { z } from 'zod';
import { dataClass, failure, limits } from '#protocol';
import type { DataClass } from '#protocol';
import { higher } from '../classify/data-class.js';

/** What the caller says about a request's data, by headers. */
export interface DeclaredFacts {
  readonly dataClass: DataClass | null;
  readonly purpose: string | null;
  /** A reference to the person the data is about, never a name. */
  readonly subject: string | null;
  readonly subjectRegion: string | null;
  readonly dataset: string | null;
  /** For example `sender:someone@example.com`. */
  readonly tags: readonly string[];
}

/** The same of at least that class, where there is one; `project` says the class of what declares none. */
export function withClass(declared: DeclaredFacts, project: { readonly defaultClass: DataClass }, atLeast: DataClass | undefined): DeclaredFacts {
  return atLeast === undefined ? declared : { ...declared, dataClass: higher(declared.dataClass ?? project.defaultClass, atLeast) };
}

const text = z
  .string()
  .trim()
  .min(1, 'is empty')
  .max(limits.headerValueCharsMax, `is longer than ${limits.headerValueCharsMax} characters`)
  .regex(/^[\x20-\x7e]+$/, 'may hold printable ASCII only');

/** 32 tags of 512 characters with their commas. */
const tagsCharsMax = limits.tagsMax * (limits.headerValueCharsMax + 1);

const tags = z
  .string()
  .max(tagsCharsMax, 'is too long')
  .transform((value) => value.split(',').map((tag) => tag.trim()))
  .pipe(z.array(text).max(limits.tagsMax, `has more than ${limits.tagsMax} tags`));

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Reads the `x-mizan-*` headers. Error: HEADER_INVALID naming the header. Any other `x-mizan-*` header is not looked at. */
export function declaredFacts(headers: Headers): DeclaredFacts {
  return {
    dataClass: read(headers, 'x-mizan-data-class', dataClass),
    purpose: read(headers, 'x-mizan-purpose', text),
    subject: read(headers, 'x-mizan-subject', text),
    subjectRegion: read(headers, 'x-mizan-subject-region', text),
    dataset: read(headers, 'x-mizan-dataset', text),
    tags: [...new Set(read(headers, 'x-mizan-tags', tags) ?? [])],
  };
}

function read<T>(headers: Headers, name: string, schema: z.ZodType<T>): T | null {
  const value = headers[name];
  if (value === undefined) return null;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw failure('HEADER_INVALID', `the header ${name}: ${parsed.error.issues[0]?.message ?? 'is not valid'}`, { param: name });
}
