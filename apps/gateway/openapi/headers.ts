import { dataClasses, limits } from '#protocol';

const text = { type: 'string', minLength: 1, maxLength: limits.headerValueCharsMax };

const fact = (name: string, description: string, schema: object = text): object => ({ name: `x-mizan-${name}`, in: 'header', required: false, description, schema });

/** What a caller may say about a request's data. */
export const factHeaders: readonly object[] = [
  fact('data-class', "Class of the data; left out: the project's default. What is found in the payload raises it.", { type: 'string', enum: [...dataClasses] }),
  fact('purpose', 'What the data is used for'),
  fact('subject', 'A reference to the person whom the data is about'),
  fact('subject-region', "Where that person's rights are: a region"),
  fact('dataset', 'The dataset that the data comes from'),
  fact('tags', `Up to ${limits.tagsMax} tags, comma separated, for policies to read: sender:someone@example.com`, { type: 'string' }),
];

/** Headers of answers. */
export const replyHeaders = {
  'x-request-id': { description: 'Names the request', schema: { type: 'string', format: 'uuid' } },
  'x-mizan-record': { description: 'The record that holds the decision', schema: { type: 'string', format: 'uuid' } },
} as const;

const reference = (name: keyof typeof replyHeaders): object => ({ [name]: { $ref: `#/components/headers/${name}` } });

/** Every answer names its request; those about inference name the record too. */
export const replyHeaderRefs = (isRecorded: boolean): object => ({ ...reference('x-request-id'), ...(isRecorded ? reference('x-mizan-record') : {}) });
