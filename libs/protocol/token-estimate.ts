import type { Usage } from './vocabulary.js';

/**
 * Tokens of a text where no engine says how many there were. A rule, not a model's vocabulary: a run of letters is a token for
 * each six, digits for each three, other signs for each two, spaces belong to the word after them, a run of line breaks is one,
 * and each character of a script without spaces between words (Han, Kana, Hangul, Thai) or beyond the basic plane is one.
 * English prose comes out about a tenth above common vocabularies. Never more than the UTF-8 bytes, so never above what was reserved.
 */
export function estimateTokens(text: string): number {
  let tokens = 0;
  for (const [run] of text.matchAll(runs)) {
    const first = run.codePointAt(0)!;
    if (first === 0x0a || first === 0x0d) tokens += 1;
    else if (digit.test(run)) tokens += Math.ceil(run.length / 3);
    else if (first > 0xffff || dense.test(run)) tokens += 1;
    else tokens += Math.ceil(run.length / (letter.test(run) ? 6 : 2));
  }
  return tokens;
}

const denseScripts = '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}\\p{Script=Thai}\\u{10000}-\\u{10FFFF}';
const runs = new RegExp(`[\\r\\n]+|[${denseScripts}]|\\p{N}+|(?:(?![${denseScripts}])[\\p{L}\\p{M}])+|(?:(?![${denseScripts}])[^\\s\\p{L}\\p{M}\\p{N}])+`, 'gu');
const dense = new RegExp(`^[${denseScripts}]`, 'u');
const digit = /^\p{N}/u;
const letter = /^[\p{L}\p{M}]/u;

/** What a chat template adds to each message, and to the whole. */
const markersPerMessage = 4;
const markersOfAnswer = 3;

/** Tokens of an OpenAI request's prompt. `request` is the parsed JSON body; token arrays are counted as they are. */
export function estimatePrompt(request: unknown): number {
  const { messages, prompt, input, tools, functions } = (request ?? {}) as Record<string, unknown>;
  if (Array.isArray(messages)) {
    const said = messages.reduce<number>((sum, message) => sum + markersPerMessage + countTexts(message), markersOfAnswer);
    return said + countTexts(tools) + countTexts(functions);
  }
  return countTexts(prompt ?? input);
}

/** Usage of an OpenAI request and what was produced for it. */
export const estimateUsage = (request: unknown, produced: string): Usage => ({ inputTokens: estimatePrompt(request), outputTokens: estimateTokens(produced) });

/** Depth beyond which nothing a person wrote is found. */
const depthMax = 64;

function countTexts(value: unknown, depth = 0): number {
  if (typeof value === 'string') return estimateTokens(value);
  if (typeof value === 'number') return 1;
  if (typeof value !== 'object' || value === null || depth > depthMax) return 0;
  return Object.values(value).reduce<number>((sum, member) => sum + countTexts(member, depth + 1), 0);
}

/** The text that one choice of an answer or of a streamed chunk holds: content, whole or in parts, reasoning, refusal, calls of tools and functions, completion text. */
export function producedText(choice: unknown): string {
  const { message, delta, text } = (choice ?? {}) as Record<string, unknown>;
  const said = (message ?? delta ?? {}) as Record<string, unknown>;
  const { content } = said;
  const parts: unknown[] = [text, ...(Array.isArray(content) ? (content as unknown[]).flatMap(partTexts) : [content]), said['reasoning_content'], said['reasoning'], said['refusal']];
  const calls = Array.isArray(said['tool_calls']) ? (said['tool_calls'] as ({ function?: unknown } | null)[]).map((call) => call?.function) : [];
  for (const call of [...calls, said['function_call']]) {
    const called = call as { name?: unknown; arguments?: unknown } | null | undefined;
    parts.push(called?.name, called?.arguments);
  }
  return parts.filter((part) => typeof part === 'string').join('');
}

/** Of text and of reasoning, which is parts of text itself. */
function partTexts(part: unknown): unknown[] {
  const { text, thinking } = (part ?? {}) as { text?: unknown; thinking?: unknown };
  return [text, ...(Array.isArray(thinking) ? (thinking as ({ text?: unknown } | null)[]).map((inner) => inner?.text) : [thinking])];
}
