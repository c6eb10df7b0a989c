import OpenAI from 'openai';
import { anywhere, foundEnterprise } from '../enterprise.js';
import type { Enterprise } from '../enterprise.js';
import { eventually } from '../eventually.js';
import { oneStack } from '../one-stack.js';
import { OutsideNode } from '../outside-node.js';
import { recordOf } from '../requests.js';
import type { RecordFields } from '../requests.js';
import type { StandaloneStack } from '../standalone-stack.js';
import { ordinary, ScriptedEngine } from './scripted-engine.js';
import type { Asked, Script } from './scripted-engine.js';

export const chat = 'vendor/chat';
export const embedding = 'vendor/embed';
const endpoints = `${chat}=chat.completions+completions,${embedding}=embeddings`;
export const messages = [{ role: 'user' as const, content: 'Weigh this.' }];

/** Where the conformance cases are run: the stack that `npm start` starts, with two machines from outside whose engines do what a test says. */
export class ConformingHouse {
  private constructor(
    readonly stack: StandaloneStack,
    readonly house: Enterprise,
    /** Another organisation. */
    readonly other: Enterprise,
    /** Of the cheaper machine, which is asked first, and of the dearer one. */
    readonly first: ScriptedEngine,
    readonly second: ScriptedEngine,
    private readonly nodes: readonly OutsideNode[],
  ) {}

  private static open: Promise<ConformingHouse> | undefined;

  /** Founded by the first that asks; for all files of cases. */
  static found(): Promise<ConformingHouse> {
    ConformingHouse.open ??= ConformingHouse.build();
    return ConformingHouse.open;
  }

  private static async build(): Promise<ConformingHouse> {
    const stack = await oneStack();
    const engines = [new ScriptedEngine([chat, embedding]), new ScriptedEngine([chat])] as const;
    const [first, second] = await Promise.all(engines.map((engine) => engine.listen()));
    const nodes = [await OutsideNode.join(stack, 'scripted-first', { input: '10', output: '10' }, encodeURIComponent(chat), ['--engine', `vllm+${first}`, '--model-endpoints', endpoints, '--capacity', '40'])];
    nodes.push(await OutsideNode.join(stack, 'scripted-second', { input: '20', output: '20' }, encodeURIComponent(chat), ['--engine', second!, '--model-endpoints', `${chat}=chat.completions+completions`, '--capacity', '40']));
    const house = await foundEnterprise(stack, 'A conforming house', { policy: anywhere, budgetNanos: 10n ** 12n });
    const other = await foundEnterprise(stack, 'The house next door', { policy: anywhere, budgetNanos: 10n ** 12n });
    return new ConformingHouse(stack, house, other, ...engines, nodes);
  }

  /** Both engines answer as usual, and have been asked nothing. */
  reset(): void {
    for (const engine of [this.first, this.second]) Object.assign(engine, { script: ordinary }).asked.length = 0;
  }

  /** Both engines do the same: which of them is asked depends on how they fared before. */
  set script(script: Script) {
    for (const engine of [this.first, this.second]) engine.script = script;
  }

  /** All that was asked of either since the last reset. */
  get asked(): readonly Asked[] {
    return [...this.first.asked, ...this.second.asked];
  }

  /** The official client, which does not try again by itself unless told so. */
  client(key = this.house.developerKey, more: Partial<ConstructorParameters<typeof OpenAI>[0]> = {}): OpenAI {
    return new OpenAI({ baseURL: `${this.stack.run.api}/v1`, apiKey: key, maxRetries: 0, ...more });
  }

  /** A chat that streams, by plain HTTP. */
  post(body: object = {}, signal?: AbortSignal): Promise<Response> {
    const headers = { authorization: `Bearer ${this.house.developerKey}`, 'content-type': 'application/json' };
    return fetch(`${this.stack.run.api}/v1/chat/completions`, { method: 'POST', headers, body: JSON.stringify({ model: chat, messages, stream: true, ...body }), signal: signal ?? null });
  }

  /** How a request ended, by the record that its answer names. */
  async completed(answer: Response): Promise<RecordFields> {
    const { completed } = await recordOf(this.house.developer, answer.headers.get('x-mizan-record')!);
    return completed!;
  }

  /** The next request that an engine gets from now on. */
  async next(): Promise<Asked> {
    const before = new Set(this.asked);
    return eventually('an engine to be asked', () => this.asked.find((each) => !before.has(each)));
  }

  /** Takes its machines away, if anybody has founded it. */
  static async close(): Promise<void> {
    const found = await ConformingHouse.open?.catch(() => undefined);
    if (found === undefined) return;
    await Promise.all(found.nodes.map((node) => node.stop()));
    found.first.close();
    found.second.close();
  }
}

/** What a call of the client fails with. Error: it did not fail. */
export const failed = (work: PromiseLike<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> =>
  Promise.resolve(work).then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error as InstanceType<typeof OpenAI.APIError>,
  );

export const textOf = async (stream: AsyncIterable<OpenAI.ChatCompletionChunk>): Promise<string> => {
  let all = '';
  for await (const { choices } of stream) all += choices[0]?.delta.content ?? '';
  return all;
};
