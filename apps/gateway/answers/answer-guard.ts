import { findingKinds } from '#protocol';
import type { AnswerRules, FindingKind } from '#protocol';
import { sliceChars as usualSliceChars } from '../classify/scan.js';
import type { Finding } from '../classify/scan.js';
import { saidFields } from './choice.js';
import type { Called, Choice, Said } from './choice.js';
import { TextGuard } from './text-guard.js';

interface ToolCall {
  index?: unknown;
  function?: Called | null;
}

/** The texts of one choice, each guarded by itself: by the name of the member, or the number of a tool call. */
type Texts = Map<string, TextGuard>;

/** What an organisation's rules make of one answer: every text in it is read, and what was found is counted. */
export class AnswerGuard {
  private readonly counts = new Map<FindingKind, number>();
  private readonly choices = new Map<number, Texts>();
  private readonly finished = new Set<number>();
  /** Something may be taken out: then nothing is shown that is not read here. The answer is first made `knownAnswer`. */
  readonly hides: boolean;

  constructor(
    private readonly rules: AnswerRules,
    private readonly giveWay: () => Promise<void> = nextTurn,
    private readonly sliceChars = usualSliceChars,
  ) {
    this.hides = Object.values(rules).some((action) => action !== 'record');
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
    this.passMember(index, choice, 'text');
    if (said) {
      for (const field of saidFields) this.passMember(index, said, field);
      for (const [name, called] of calledIn(said, (call) => Number(call.index ?? 0))) {
        this.passName(index, name, called);
        if (typeof called.arguments === 'string') called.arguments = this.textOf(index, name).push(called.arguments);
      }
    }
    this.countRest(choice);
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
    if (typeof choice.text === 'string') choice.text = await this.passText(index, 'text', choice.text);
    if (said) {
      for (const field of saidFields) if (typeof said[field] === 'string') said[field] = await this.passText(index, field, said[field]);
      for (const [name, called] of calledIn(said, (_call, at) => at)) {
        this.passName(index, name, called);
        if (typeof called.arguments === 'string') called.arguments = await this.passText(index, name, called.arguments);
      }
    }
    this.countRest(choice);
    if (![...(this.choices.get(index)?.values() ?? [])].some((text) => text.isStopped)) return;
    choice.finish_reason = 'content_filter';
    // Half of its arguments is no call.
    if (said) {
      delete said.tool_calls;
      delete said.function_call;
    }
  }

  /** The name of what is called is let out as it comes, which is whole: clients look it up. Where something may be hidden, none follows it. */
  private passName(index: number, call: string, called: Called): void {
    if (typeof called.name !== 'string' || called.name === '') return;
    const isFirst = !this.choices.get(index)?.has(`name of ${call}`);
    const text = this.textOf(index, `name of ${call}`);
    const passed = text.push(called.name) + text.end();
    if (isFirst || !this.hides) called.name = passed;
    else delete called.name;
  }

  /** What is found in members that are not known here is counted; where something may be hidden there are none. */
  private countRest(choice: Choice): void {
    if (this.hides) return;
    for (const text of textsBeside(choice)) {
      const guard = new TextGuard(this.rules, (kind) => this.count(kind));
      guard.push(text);
      guard.end();
    }
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

  private count(kind: FindingKind): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  private textOf(index: number, name: string): TextGuard {
    const texts = this.choices.get(index) ?? new Map<string, TextGuard>();
    this.choices.set(index, texts);
    const known = texts.get(name);
    if (known) return known;
    const made = new TextGuard(this.rules, (kind) => this.count(kind));
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
  if (name === legacyCall) {
    said.function_call = { ...said.function_call, arguments: `${typeof said.function_call?.arguments === 'string' ? said.function_call.arguments : ''}${rest}` };
    return;
  }
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

const legacyCall = 'function_call';

/** Every call with the name under which its text is guarded. */
function calledIn(said: Said, numberOf: (call: ToolCall, at: number) => number): [string, Called][] {
  const calls = callsOf(said).flatMap((call, at): [string, Called][] => (call.function ? [[`call ${numberOf(call, at)}`, call.function]] : []));
  return said.function_call ? [...calls, [legacyCall, said.function_call]] : calls;
}

/** How deep texts are looked for in members that are not known. */
const depthMax = 8;

/** The texts that are in neither of the members that are read. */
function textsBeside({ index: _i, finish_reason: _f, logprobs: _l, text, delta, message, ...rest }: Choice): string[] {
  const said = { ...delta, ...message };
  const beside = Object.entries(said).filter(([name, value]) => !(typeof value === 'string' && ['role', ...saidFields].includes(name)) && name !== 'tool_calls' && name !== legacyCall);
  return [...textsIn(Object.values(rest)), ...textsIn(beside.map(([, value]) => value)), ...(typeof text === 'string' ? [] : textsIn(text))];
}

function textsIn(value: unknown, depth = 0): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null || depth > depthMax) return [];
  return Object.values(value).flatMap((inner) => textsIn(inner, depth + 1));
}

const callsOf = ({ tool_calls: calls }: Said): ToolCall[] => (Array.isArray(calls) ? (calls as (ToolCall | null)[]).filter((call) => call !== null) : []);
