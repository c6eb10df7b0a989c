import { responseIds } from './response-object.js';

/** An event of a streamed response, its number left out. */
export type ResponseEvent = { readonly type: string } & Readonly<Record<string, unknown>>;

type ItemStatus = 'in_progress' | 'completed' | 'incomplete';
type PartType = 'output_text' | 'refusal';

interface Part {
  readonly type: PartType;
  text: string;
}
interface Message {
  readonly type: 'message';
  readonly parts: Part[];
}
interface Call {
  readonly type: 'function_call';
  readonly n: number;
  readonly callId: string;
  readonly name: string;
  arguments: string;
}

/** What a streamed response has said so far, in the order in which it began, and the events that tell it. */
export class OutputItems {
  private readonly ids: ReturnType<typeof responseIds>;
  private readonly items: (Message | Call)[] = [];

  constructor(id: string) {
    this.ids = responseIds(id);
  }

  get isEmpty(): boolean {
    return this.items.length === 0;
  }

  /** A piece of text, or of a refusal. */
  *say(type: PartType, delta: string): Generator<ResponseEvent> {
    let at = this.items.findIndex((item) => item.type === 'message');
    if (at < 0) {
      at = this.items.push({ type: 'message', parts: [] }) - 1;
      yield this.added(at);
    }
    const { parts } = this.items[at] as Message;
    let content = parts.findIndex((part) => part.type === type);
    if (content < 0) {
      content = parts.push({ type, text: '' }) - 1;
      yield { type: 'response.content_part.added', ...this.place(at), content_index: content, part: partToWire(parts[content]!) };
    }
    parts[content]!.text += delta;
    yield { type: `response.${type}.delta`, ...this.place(at), content_index: content, delta, ...(type === 'output_text' ? { logprobs: [] } : {}) };
  }

  /** A piece of the `n`th call; the first one names it. */
  *call(n: number, begins: { readonly callId: string; readonly name: string } | undefined, delta: string): Generator<ResponseEvent> {
    let at = this.items.findIndex((item) => item.type === 'function_call' && item.n === n);
    if (at < 0) {
      if (!begins) return;
      at = this.items.push({ type: 'function_call', n, ...begins, arguments: '' }) - 1;
      yield this.added(at);
    }
    if (delta === '') return;
    (this.items[at] as Call).arguments += delta;
    yield { type: 'response.function_call_arguments.delta', ...this.place(at), delta };
  }

  /** Everything is said. A response that said nothing has one empty message, as a whole one has. */
  *close(status: Exclude<ItemStatus, 'in_progress'>): Generator<ResponseEvent> {
    if (this.items.length === 0) {
      this.items.push({ type: 'message', parts: [] });
      yield this.added(0);
    }
    for (const [at, item] of this.items.entries()) {
      if (item.type === 'function_call') yield { type: 'response.function_call_arguments.done', ...this.place(at), name: item.name, arguments: item.arguments };
      else yield* this.partsDone(at, item);
      yield { type: 'response.output_item.done', output_index: at, item: this.toWire(item, status) };
    }
  }

  output(status: ItemStatus): object[] {
    const items: readonly (Message | Call)[] = this.items.length > 0 || status === 'in_progress' ? this.items : [{ type: 'message', parts: [] }];
    return items.map((item) => this.toWire(item, status));
  }

  private *partsDone(at: number, { parts }: Message): Generator<ResponseEvent> {
    for (const [content, part] of parts.entries()) {
      const said = part.type === 'refusal' ? { refusal: part.text } : { text: part.text, logprobs: [] };
      yield { type: `response.${part.type}.done`, ...this.place(at), content_index: content, ...said };
      yield { type: 'response.content_part.done', ...this.place(at), content_index: content, part: partToWire(part) };
    }
  }

  private added(at: number): ResponseEvent {
    return { type: 'response.output_item.added', output_index: at, item: this.toWire(this.items[at]!, 'in_progress') };
  }

  private place(at: number): { item_id: string; output_index: number } {
    return { item_id: this.idOf(this.items[at]!), output_index: at };
  }

  private idOf(item: Message | Call): string {
    return item.type === 'message' ? this.ids.message : this.ids.call(item.n);
  }

  private toWire(item: Message | Call, status: ItemStatus): object {
    const id = this.idOf(item);
    if (item.type === 'message') return { type: 'message', id, status, role: 'assistant', content: item.parts.map(partToWire) };
    return { type: 'function_call', id, call_id: item.callId, name: item.name, arguments: item.arguments, status };
  }
}

const partToWire = ({ type, text }: Part): object => (type === 'refusal' ? { type, refusal: text } : { type, text, annotations: [], logprobs: [] });
