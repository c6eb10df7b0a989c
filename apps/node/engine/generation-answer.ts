import { randomBytes } from 'node:crypto';
import type { Endpoint, Usage } from '#protocol';

export type FinishReason = 'stop' | 'length';

/** OpenAI's shapes of one generated answer, whole or in chunks. */
export class GenerationAnswer {
  private readonly about: { readonly id: string; readonly created: number; readonly model: string };
  private readonly isChat: boolean;

  constructor(endpoint: Endpoint, model: string, nowMs: number) {
    this.isChat = endpoint === 'chat.completions';
    const id = `${this.isChat ? 'chatcmpl' : 'cmpl'}-${randomBytes(12).toString('hex')}`;
    this.about = { id, created: Math.floor(nowMs / 1_000), model };
  }

  whole(text: string, finish: FinishReason, usage: Usage): Buffer {
    const said = this.isChat ? { message: { role: 'assistant', content: text, refusal: null } } : { text };
    const { id, created, model } = this.about;
    const body = { id, object: this.isChat ? 'chat.completion' : 'text_completion', created, model, choices: [{ index: 0, ...said, logprobs: null, finish_reason: finish }], usage: usageOf(usage) };
    return Buffer.from(JSON.stringify(body));
  }

  /** The first chunk of a chat: who speaks. */
  opening(): Buffer | undefined {
    return this.isChat ? this.chunk({ delta: { role: 'assistant', content: '' } }, null) : undefined;
  }

  piece(text: string): Buffer {
    return this.chunk(this.isChat ? { delta: { content: text } } : { text }, null);
  }

  closing(finish: FinishReason): Buffer {
    return this.chunk(this.isChat ? { delta: {} } : { text: '' }, finish);
  }

  usage(usage: Usage): Buffer {
    return event({ ...this.head(), choices: [], usage: usageOf(usage) });
  }

  static readonly done = Buffer.from('data: [DONE]\n\n');

  private chunk(said: object, finish: FinishReason | null): Buffer {
    return event({ ...this.head(), choices: [{ index: 0, ...said, logprobs: null, finish_reason: finish }] });
  }

  private head(): object {
    const { id, created, model } = this.about;
    return { id, object: this.isChat ? 'chat.completion.chunk' : 'text_completion', created, model };
  }
}

const event = (value: object): Buffer => Buffer.from(`data: ${JSON.stringify(value)}\n\n`);

const usageOf = ({ inputTokens, outputTokens }: Usage): object => ({ prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: inputTokens + outputTokens });
