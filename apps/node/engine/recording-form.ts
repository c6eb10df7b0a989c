import { Blob } from 'node:buffer';
import { FormData } from 'undici';
import { z } from 'zod';

/** A request to transcribe as it travels: the fields of OpenAI's form by their names, the recording as base64. */
const travelling = z.object({ file: z.object({ name: z.string(), data: z.string() }) }).catchall(z.union([z.string(), z.array(z.string())]));

/** The form that an engine is sent; `undefined` when the body is no such request. */
export function formOf(asked: unknown): { form: FormData; recording: Buffer } | undefined {
  const read = travelling.safeParse(asked);
  if (!read.success) return undefined;
  const { file, ...fields } = read.data;
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) for (const one of [value].flat()) form.append(name, one);
  const recording = Buffer.from(file.data, 'base64');
  form.append('file', new Blob([recording]), file.name);
  return { form, recording };
}
