import { saidFields } from './choice.js';
import type { Choice } from './choice.js';

type Members = Record<string, unknown>;

/** Words of the protocol: `assistant`, `function`, `tool_calls`. Nothing that rules look for fits into one. */
const word = /^[a-z_]{1,32}$/i;
const identifier = /^[\w.:-]{1,128}$/;

const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value);
const isWord = (value: unknown): boolean => typeof value === 'string' && word.test(value);
const isText = (value: unknown): boolean => typeof value === 'string';
const isNumber = (value: unknown): boolean => typeof value === 'number';
const isNull = (value: unknown): boolean => value === null;

/** Those of the members that are what they should be. */
function those(value: Members, shape: Readonly<Record<string, (value: unknown) => boolean>>): Members {
  return Object.fromEntries(Object.entries(shape).flatMap(([name, is]) => (Object.hasOwn(value, name) && is(value[name]) ? [[name, value[name]]] : [])));
}

const orNull = (is: (value: unknown) => boolean) => (value: unknown) => isNull(value) || is(value);

const answerShape = { id: isText, object: isText, created: isNumber, model: isText, system_fingerprint: orNull(isText), service_tier: orNull(isWord), error: isObject };

/**
 * An answer, or a chunk of one, with nothing in it that nobody reads: where rules may hide something, members that are not known here could
 * say it all the same.
 */
export function knownAnswer(answer: Members): Members {
  const { choices, usage } = answer;
  return {
    ...those(answer, answerShape),
    ...(Array.isArray(choices) && { choices: choices.filter(isObject).map(knownChoice) }),
    ...(usage === null ? { usage } : isObject(usage) && { usage: numbersOf(usage) }),
  };
}

/** Pictures as they are, and the prompt as it was written anew. */
export function knownPictures(answer: Members): Members {
  const { data, usage } = answer;
  const shape = { b64_json: isText, url: isText, revised_prompt: isText };
  return {
    ...those(answer, { created: isNumber, background: isWord, output_format: isWord, quality: isWord }),
    ...(Array.isArray(data) && { data: data.filter(isObject).map((picture) => those(picture, shape)) }),
    ...(isObject(usage) && { usage: numbersOf(usage) }),
  };
}

/** Token by token, the words could be read beside what was taken out. */
function knownChoice(choice: Members): Choice {
  const { logprobs, delta, message } = choice;
  return {
    ...those(choice, { index: isNumber, text: isText, finish_reason: orNull(isWord) }),
    ...(logprobs !== undefined && { logprobs: null }),
    ...(isObject(delta) && { delta: knownSaid(delta) }),
    ...(isObject(message) && { message: knownSaid(message) }),
  };
}

function knownSaid(said: Members): Members {
  const { content, tool_calls: calls, function_call: call } = said;
  const texts = Object.fromEntries(saidFields.map((name) => [name, orNull(isText)]));
  return {
    ...those(said, { role: isWord, ...texts }),
    ...(Array.isArray(content) && { content: textOf(content) }),
    ...(Array.isArray(calls) && { tool_calls: calls.filter(isObject).map(knownCall) }),
    ...(isObject(call) && { function_call: knownFunction(call) }),
  };
}

const knownCall = (call: Members): Members => ({
  ...those(call, { index: isNumber, id: (id) => typeof id === 'string' && identifier.test(id), type: isWord }),
  ...(isObject(call['function']) && { function: knownFunction(call['function']) }),
});

const knownFunction = (called: Members): Members => those(called, { name: isText, arguments: isText });

/** Parts of text are one text; what else a part may be is not shown. */
const textOf = (parts: readonly unknown[]): string => parts.map((part) => (isObject(part) && typeof part['text'] === 'string' ? part['text'] : '')).join('');

const numbersOf = (usage: Members): Members =>
  Object.fromEntries(Object.entries(usage).flatMap(([name, value]) => (isNumber(value) ? [[name, value]] : isObject(value) ? [[name, Object.fromEntries(Object.entries(value).filter(([, inner]) => isNumber(inner)))]] : [])));
