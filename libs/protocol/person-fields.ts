import type { RecordFields } from './field-layout.js';

const names: ReadonlySet<string> = new Set(['subject', 'tags']);

/** Whether a field of this name may name a person. Of one that is erased nothing else proves its name. */
export const mayNamePerson = (name: string): boolean => names.has(name);

/** What of a decision names a person, where a subject is declared: the subject, and tags such as `sender:someone@example.com`. */
export const namesPerson = (name: string, fields: RecordFields): boolean => mayNamePerson(name) && (name !== 'tags' || (Array.isArray(fields[name]) && fields[name].length > 0));
