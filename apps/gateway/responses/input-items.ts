import { z } from 'zod';
import { item } from './response-request.js';
import type { ResponseItem, ResponseRequest } from './response-request.js';

/** An item of a stored response's input, by its id. */
export type InputItem = ResponseItem & { readonly id: string };

const prefixes = { message: 'msg_', function_call: 'fc_', function_call_output: 'fco_' } as const;

/** The items of a request's own input, in the one form that they are stored in. `id` is the request's. */
export function ownItems(id: string, { input }: Pick<ResponseRequest, 'input'>): InputItem[] {
  const items: readonly ResponseItem[] = typeof input === 'string' ? [{ type: 'message', role: 'user', content: input }] : input;
  const hex = id.replaceAll('-', '');
  return items.map((one, n) => {
    const kind = one.type ?? 'message';
    const known = { ...one, type: kind, id: `${prefixes[kind]}${hex}in${n}`, status: 'completed' } as InputItem;
    return 'content' in known && typeof known.content === 'string' ? { ...known, content: [{ type: known.role === 'assistant' ? 'output_text' : 'input_text', text: known.content }] } : known;
  });
}

/** What a response said, as what the next one goes on from. */
export const saidItems = (output: unknown): InputItem[] => z.array(item).parse(output) as InputItem[];
