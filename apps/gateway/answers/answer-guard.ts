import { findingKinds } from '#protocol';
import type { AnswerRules, FindingKind } from '#protocol';
import { sliceChars as usualSliceChars } from '../classify/scan.js';
import type { Finding } from '../classify/scan.js';
import { TextGuard } from './text-guard.js';

/** One choice of an answer, or a piece of one: of a chat (`delta` or `message`) or a completion (`text`). */
export interface Choice {
  index?: unknown;
  text?: unknown;
  delta?: Said | null;
  message?: Said | null;
  finish_reason?: unknown;
  logprobs?: unknown;
}

interface Said {
  content?: unknown;
  reasoning_content?: unknown;
  refusal?: unknown;
  tool_calls?: unknown;
}

interface ToolCall {
  index?: unknown;
  function?: { arguments?: unknown } | null;
}

const saidFields = ['content', 'reasoning_content', 'refusal'] as const;

/** The texts of one choice, each guarded by itself: by the name of the member, or the number of a tool call. */
type Texts = Map<string, TextGuard>;

/** What an organisation's rules make of one answer: every text in it is read, and what was found is counted. */
export class AnswerGuard {
  private readonly counts = new Map<FindingKind, number>();
  private readonly choices = new Map<number, Texts>();
  private readonly finished = new Set<number>();
  /** Token by token, the words could be read beside what was taken out. */
  readonly hidesTokens: boolean;

  constructor(
    private readonly rules: AnswerRules,
    private readonly giveWay: () => Promise<void> = nextTurn,
    private readonly sliceChars = usualSliceChars,
  ) {
    this.hidesTokens = Object.values(rules).some((action) => action !== 'record');
  }

  get isStopped(): boolean {
    return [...this.choices.values()].some((texts) => [...texts.values()].some((text) => text.isStopped));
  }

  /** What was found so far, and what the rule for it is, for the record. */
  findings(): (Finding & { action: NonNullable<AnswerRules[FindingKind]> })[] {
    return findingKinds.flatMap((kind) => {
      const count = this.counts.get(kind);
      const action = this.rules[kind];
      return count === undefined || action === undefined ? [] : [{ kind, count, action }];
    });
  }

  /** Changes a piece of a choice in place. At the end of the choice it holds what was held back. */
  passPiece(choice: Choice): void {
    const index = indexOf(choice);
    const said = choice.delta;
    if (this.hidesTokens && choice.logprobs) choice.logprobs = null;
    this.passMember(index, choice, 'text');
    if (said) {
      for (const field of saidFields) this.passMember(index, said, field);
      for (const call of callsOf(said)) if (typeof call.function?.arguments === 'string') call.function.arguments = this.textOf(index, `call ${Number(call.index ?? 0)}`).push(call.function.arguments);
    }
    if (choice.finish_reason !== null && choice.finish_reason !== undefined) this.finish(index, choice);
  }

  /** What is still held back of choices that never said that they had finished. */
  rest(form: 'text' | 'delta'): Choice[] {
    return [...this.choices.keys()].filter((index) => !this.finished.has(index)).flatMap((index) => {
      const choice: Choice = form === 'text' ? { index, text: '', finish_reason: null } : { index, delta: {}, finish_reason: null };
      this.finish(index, choice);
      return choice.text || (choice.delta && Object.keys(choice.delta).length > 0) ? [choice] : [];
    });
  }

  /** The choices that are ended where the answer is stopped. */
  unfinished(): number[] {
    return [...this.choices.keys()].filter((index) => !this.finished.has(index));
  }

  /** Changes a whole choice in place; after each slice of a long text, others have their turn. */
  async passWhole(choice: Choice): Promise<void> {
    const index = indexOf(choice);
    const said = choice.message;
    if (this.hidesTokens && choice.logprobs) choice.logprobs = null;
    if (typeof choice.text === 'string') choice.text = await this.passText(index, 'text', choice.text);
    if (said) {
      for (const field of saidFields) if (typeof said[field] === 'string') said[field] = await this.passText(index, field, said[field]);
      for (const [at, call] of callsOf(said).entries()) {
        if (typeof call.function?.arguments === 'string') call.function.arguments = await this.passText(index, `call ${at}`, call.function.arguments);
      }
    }
    if (![...(this.choices.get(index)?.values() ?? [])].some((text) => text.isStopped)) return;
    choice.finish_reason = 'content_filter';
    // Half of its arguments is no call.
    if (said) delete said.tool_calls;
  }

  private async passText(index: number, name: string, whole: string): Promise<string> {
    const text = this.textOf(index, name);
    let out = '';
    for (let from = 0; from < whole.length; from += this.sliceChars) {
      if (from > 0) await this.giveWay();
      out += text.push(whole.slice(from, from + this.sliceChars));
    }
    return out + text.end();
  }

  private passMember(index: number, holder: object, name: string): void {
    const members = holder as Record<string, unknown>;
    if (typeof members[name] === 'string') members[name] = this.textOf(index, name).push(members[name]);
  }

  private finish(index: number, choice: Choice): void {
    this.finished.add(index);
    for (const [name, text] of this.choices.get(index) ?? []) {
      const rest = text.end();
      if (rest !== '') append(choice, name, rest);
    }
  }

  private textOf(index: number, name: string): TextGuard {
    const texts = this.choices.get(index) ?? new Map<string, TextGuard>();
    this.choices.set(index, texts);
    const known = texts.get(name);
    if (known) return known;
    const made = new TextGuard(this.rules, (kind) => this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1));
    texts.set(name, made);
    return made;
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Puts what was held back where the client expects more of it. */
function append(choice: Choice, name: string, rest: string): void {
  if (name === 'text') {
    choice.text = `${typeof choice.text === 'string' ? choice.text : ''}${rest}`;
    return;
  }
  const said: Said = (choice.delta ??= {});
  if (!name.startsWith('call ')) {
    const members = said as Record<string, unknown>;
    members[name] = `${typeof members[name] === 'string' ? members[name] : ''}${rest}`;
    return;
  }
  const index = Number(name.slice(5));
  const calls = callsOf(said);
  const own = calls.find((call) => Number(call.index ?? 0) === index);
  if (own) own.function = { ...own.function, arguments: `${typeof own.function?.arguments === 'string' ? own.function.arguments : ''}${rest}` };
  else said.tool_calls = [...calls, { index, function: { arguments: rest } }];
}

const indexOf = ({ index }: Choice): number => (typeof index === 'number' ? index : 0);

const callsOf = ({ tool_calls: calls }: Said): ToolCall[] => (Array.isArray(calls) ? (calls as (ToolCall | null)[]).filter((call) => call !== null) : []);
