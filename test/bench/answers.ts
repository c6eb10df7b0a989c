/** What every engine of the benchmark says: the mock over HTTP and the node over the bus say the same bytes. */
export const model = 'bench';
/** A stream of this model says one chunk and then nothing more. */
export const idleModel = 'bench-idle';
export const chunksPerStream = 100;

export const wholeAnswer = Buffer.from(
  JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    created: 1_700_000_000,
    model,
    choices: [{ index: 0, message: { role: 'assistant', content: 'The balance is true, and so is the measure. '.repeat(8) }, logprobs: null, finish_reason: 'stop' }],
    usage: { prompt_tokens: 48, completion_tokens: 88, total_tokens: 136 },
  }),
);
export const usage = { inputTokens: 48, outputTokens: chunksPerStream };

const event = (value: unknown): Buffer => Buffer.from(`data: ${JSON.stringify(value)}\n\n`);
const chunk = (delta: object, finish: string | null = null): Buffer =>
  event({ id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1_700_000_000, model, choices: [{ index: 0, delta, finish_reason: finish }] });

export const firstChunk = chunk({ role: 'assistant', content: 'The' });
const nextChunk = chunk({ content: ' balance' });
const lastChunks = Buffer.concat([chunk({}, 'stop'), event({ id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1_700_000_000, model, choices: [], usage: { prompt_tokens: 48, completion_tokens: 100, total_tokens: 148 } }), Buffer.from('data: [DONE]\n\n')]);

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** One hundred chunks, each in a turn of its own, as a decoder gives them. */
export async function* streamedAnswer(): AsyncGenerator<Buffer> {
  yield firstChunk;
  for (let at = 1; at < chunksPerStream; at += 1) {
    await nextTurn();
    yield nextChunk;
  }
  yield lastChunks;
}

/** Chat requests as an SDK sends them: a system prompt and a question, about half a kilobyte. */
export function chatBody(options: { stream?: boolean; idle?: boolean } = {}): Buffer {
  const messages = [
    { role: 'system', content: 'You are a careful assistant of a bank. Answer briefly, name your sources, and say so when you do not know. '.repeat(3) },
    { role: 'user', content: 'How does the balance of a ledger come about, and why must it be zero in every currency?' },
  ];
  return Buffer.from(JSON.stringify({ model: options.idle ? idleModel : model, messages, temperature: 0.7, max_tokens: 256, ...(options.stream ? { stream: true } : {}) }));
}
