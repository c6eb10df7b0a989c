import type { ResponseItem, ResponseRequest } from './response-request.js';

interface ChatMessage {
  role: string;
  content: string | null | readonly object[];
  tool_calls?: { id: string; type: 'function'; function: { name: string; arguments: string } }[];
  tool_call_id?: string;
}

/** The chat request that asks an engine for the same. */
export function toChat(request: ResponseRequest): Record<string, unknown> {
  const { model, input, instructions, max_output_tokens: limit, tools, tool_choice: choice, text, reasoning, ...rest } = request;
  const { metadata: _m, store: _s, stream_options: _o, background: _b, previous_response_id: _p, conversation: _c, truncation: _u, include: _i, ...sent } = rest;
  const items: readonly ResponseItem[] = typeof input === 'string' ? [{ role: 'user', content: input }] : input;
  return withoutNull({
    ...sent,
    model,
    messages: [...(instructions ? [{ role: 'system', content: instructions }] : []), ...messagesOf(items)],
    max_tokens: limit,
    tools: tools && tools.length > 0 ? tools.map(({ type, name, description, parameters, strict }) => ({ type, function: withoutNull({ name, description, parameters, strict }) })) : null,
    tool_choice: typeof choice === 'object' && choice !== null ? { type: 'function', function: { name: choice.name } } : choice,
    response_format: formatOf(text?.format),
    reasoning_effort: reasoning?.effort,
  });
}

function messagesOf(items: readonly ResponseItem[]): ChatMessage[] {
  const messages: ChatMessage[] = [];
  for (const item of items) {
    if (item.type === 'function_call') {
      const call = { id: item.call_id, type: 'function' as const, function: { name: item.name, arguments: item.arguments } };
      const last = messages.at(-1);
      // Calls that an assistant made together, or beside its words, are one message of a chat.
      if (last?.role === 'assistant') last.tool_calls = [...(last.tool_calls ?? []), call];
      else messages.push({ role: 'assistant', content: null, tool_calls: [call] });
    } else if (item.type === 'function_call_output') messages.push({ role: 'tool', tool_call_id: item.call_id, content: textOf(item.output) });
    else messages.push({ role: item.role === 'developer' ? 'system' : item.role, content: contentOf(item.content) });
  }
  return messages;
}

type Content = Extract<ResponseItem, { role: string }>['content'];

/** Texts alone are one text, which every engine takes; with an image among them they are parts. */
function contentOf(content: Content): ChatMessage['content'] {
  if (typeof content === 'string' || !content.some(({ type }) => type === 'input_image')) return textOf(content as Text);
  return content.map((part) => (part.type === 'input_image' ? { type: 'image_url', image_url: withoutNull({ url: part.image_url, detail: part.detail }) } : { type: 'text', text: textOf([part]) }));
}

type Text = string | readonly { text?: string | undefined; refusal?: string | undefined }[];

const textOf = (content: Text): string => (typeof content === 'string' ? content : content.map(({ text, refusal }) => text ?? refusal ?? '').join(''));

function formatOf(format: NonNullable<ResponseRequest['text']>['format']): object | null {
  if (!format || format.type === 'text') return null;
  if (format.type === 'json_object') return { type: 'json_object' };
  const { type, ...schema } = format;
  return { type, json_schema: withoutNull(schema) };
}

const withoutNull = (value: Record<string, unknown>): Record<string, unknown> => Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null && member !== undefined));
