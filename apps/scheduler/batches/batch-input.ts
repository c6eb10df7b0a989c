import { z } from 'zod';
import { limits } from '#protocol';
import type { BatchPath, BatchProblem } from '#protocol';

/** One line of an input file: where it is, and its bytes without the line's end. */
export interface InputLine {
  /** From 1. */
  readonly line: number;
  readonly offset: number;
  readonly text: Buffer;
}

/** A request's body and what is around it. */
export const lineBytesMax = limits.bodyBytesMax + 4_096;

/** Cuts a file into lines (LF or CRLF); blank ones are left out. Of a line that is too long, the first part is given. */
export async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<InputLine> {
  let parts: Buffer[] = [];
  let kept = 0;
  let line = 1;
  let offset = 0;
  let position = 0;
  const cut = (): InputLine | undefined => {
    const whole = Buffer.concat(parts);
    const text = whole.at(-1) === 0x0d ? whole.subarray(0, -1) : whole;
    parts = [];
    kept = 0;
    return isBlank(text) ? undefined : { line, offset, text };
  };
  for await (const chunk of source) {
    let rest = Buffer.from(chunk);
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      if (kept <= lineBytesMax) parts.push(rest.subarray(0, end));
      const found = cut();
      if (found) yield found;
      position += end + 1;
      [line, offset] = [line + 1, position];
      rest = rest.subarray(end + 1);
    }
    if (kept <= lineBytesMax) parts.push(rest);
    kept += rest.length;
    position += rest.length;
  }
  const last = cut();
  if (last) yield last;
}

const isBlank = (text: Buffer): boolean => text.length < 1_000 && text.toString('latin1').trim() === '';

const request = z.object({
  custom_id: z.string().min(1).max(512),
  method: z.literal('POST'),
  url: z.string(),
  body: z.looseObject({}).refine((body) => typeof body['model'] === 'string', { message: 'model is missing', path: ['model'] }).refine((body) => body['stream'] !== true, { message: 'a batch cannot stream', path: ['stream'] }),
});

const codes: Readonly<Record<string, string>> = { custom_id: 'missing_required_parameter', method: 'invalid_method', url: 'invalid_url', body: 'invalid_body' };

/** What a line asks for, or what is wrong with it. The body itself is checked when it runs, as any request's. */
export function checkLine({ line, text }: Pick<InputLine, 'line' | 'text'>, endpoint: BatchPath): { customId: string } | { problem: BatchProblem } {
  const problem = (code: string, message: string, param: string | null = null): { problem: BatchProblem } => ({ problem: { code, message: `line ${line}: ${message}`, param, line } });
  if (text.length > lineBytesMax) return problem('line_too_long', `it has more than ${lineBytesMax} bytes`);
  const value = parse(text);
  if (value === undefined) return problem('invalid_json_line', 'it is not valid JSON in UTF-8');
  const read = request.safeParse(value);
  if (!read.success) {
    const { path, message } = read.error.issues[0]!;
    return problem(codes[String(path[0])] ?? 'invalid_request', `${path.join('.') || 'it'}: ${message}`, path.length > 0 ? path.join('.') : null);
  }
  if (read.data.url !== endpoint) return problem('mismatched_endpoint', `its url is not the batch's endpoint ${endpoint}`, 'url');
  return { customId: read.data.custom_id };
}

function parse(text: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch {
    return undefined;
  }
}
