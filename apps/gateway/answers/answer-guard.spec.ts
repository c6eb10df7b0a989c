import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AnswerRules } from '#protocol';
import { exampleJob } from '../examples.js';
import { StreamedChunks } from '../openai/streamed-chunks.js';
import { AnswerGuard } from './answer-guard.js';
import { guardedJob } from './guarded-job.js';

const words = fc.constantFrom('4111 1111 1111 1111', '+49 30 1234567', 'erika@example.org', 'DE89 3704 0044 0532 0130 00', '12 34 56 78', 'word', ' ', '(0) ');

describe('a whole answer', () => {
  it('is read in slices as it is in one go, wherever they end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(words, { maxLength: 14 }).map((parts) => parts.join(' ')), fc.integer({ min: 1, max: 50 }), fc.constantFrom('redact' as const, 'stop' as const), async (text, slice, action) => {
        const pass = async (chars: number) => {
          const guard = new AnswerGuard({ email: 'redact', card: action, phone: 'record', iban: 'redact' }, async () => undefined, chars);
          const choice = { index: 0, message: { role: 'assistant', content: text, tool_calls: [{ function: { arguments: text } }] } };
          await guard.passWhole(choice);
          return { choice, findings: guard.findings() };
        };
        expect(await pass(slice)).toEqual(await pass(1_000_000));
      }),
      { numRuns: 200 },
    );
  });

  it('gives way after each slice, however slow a machine has made it to read', async () => {
    let turns = 0;
    const text = '41-'.repeat(100_000);
    const choice = { index: 0, text };
    await new AnswerGuard({ card: 'redact' }, async () => void (turns += 1), 64 * 1024).passWhole(choice);
    expect([choice.text, turns]).toEqual([text, Math.ceil(text.length / (64 * 1024)) - 1]);
  });
});

const iban = 'DE89370400440532013000';
const mail = 'anna@mail.example';
const says = `to ${iban} of ${mail} now`;

/** Every place in which a machine can say something, identifiers aside. */
const places: Record<string, object> = {
  content: { content: says },
  'content in parts': { content: [{ type: 'text', text: says }, { type: 'thinking', thinking: [{ text: says }] }] },
  reasoning_content: { reasoning_content: says },
  reasoning: { reasoning: says },
  refusal: { refusal: says },
  role: { role: says },
  'an unknown text': { afterthought: says },
  'an unknown object': { reasoning_details: [{ text: says }], audio: { transcript: says } },
  'arguments of a tool': { tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: says } }] },
  'the name of a tool': { tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: says, arguments: '{}' } }] },
  'an unknown member of a tool': { tool_calls: [{ index: 0, id: 'c', type: says, custom: { input: says }, function: { name: 'f', arguments: '{}', description: says } }] },
  'arguments of a function': { function_call: { name: 'f', arguments: says } },
  'the name of a function': { function_call: { name: says, arguments: '{}' } },
};
const asked = (rules: AnswerRules) => guardedJob({ ...exampleJob({}), endpoint: 'chat.completions', adapt: (answer) => answer }, rules);
const head = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' };

describe.each(Object.entries(places))('what a machine says in %s', (_place, said) => {
  const whole = async (rules: AnswerRules): Promise<{ text: string; found: unknown }> => {
    const answer = { ...head, aside: says, choices: [{ index: 0, message: said, finish_reason: 'stop', aside: says, logprobs: { content: [{ token: says }] } }, says], usage: { prompt_tokens: 1, aside: says, details: { n: 2, aside: says } } };
    const job = asked(rules);
    return { text: (await job.adapt(Buffer.from(JSON.stringify(answer)))).toString(), found: job.answerFindings?.() };
  };
  const streamed = (rules: AnswerRules, told: object = said): { text: string; found: object[] } => {
    const guard = new AnswerGuard(rules);
    const form = new StreamedChunks('chat.completions', true, guard);
    const chunks = [{ ...head, aside: says, choices: [{ index: 0, delta: told, finish_reason: null, aside: says, logprobs: { content: [{ token: says }] } }] }, { ...head, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }, { ...head, choices: [], usage: { prompt_tokens: 1, aside: says } }];
    const bytes = [...chunks.flatMap((chunk) => form.take(Buffer.from(JSON.stringify(chunk))) ?? []), form.end({ inputTokens: 1, outputTokens: 1 })];
    return { text: Buffer.concat(bytes).toString(), found: guard.findings() };
  };

  it.each(['redact', 'stop'] as const)('never leaves where the rule is to %s, streamed or whole', async (action) => {
    const rules = { iban: action, email: action };
    for (const { text } of [await whole(rules), streamed(rules)]) {
      expect(text).not.toContain(iban);
      expect(text).not.toContain(mail);
      expect(text).toContain('"prompt_tokens":1');
    }
  });

  it('is counted and left as it is where it is only to be recorded', async () => {
    const rules = { iban: 'record' as const };
    const { text, found } = await whole(rules);
    expect(JSON.parse(text)).toMatchObject({ choices: [{ message: said }, says] });
    expect(found).toEqual([{ kind: 'iban', count: expect.any(Number) as unknown as number, action: 'record' }]);
    expect(streamed(rules).found).toEqual([{ kind: 'iban', count: expect.any(Number) as unknown as number, action: 'record' }]);
  });
});

describe('a call of a tool under rules', () => {
  it('has its name at once and its arguments as they come, in the older form too', () => {
    const guard = new AnswerGuard({ email: 'redact' });
    const pieces = [{ name: 'send', arguments: '{"to":"anna@m' }, { name: 'anna@mail.example' }, { arguments: 'ail.example"}' }].map((called) => ({ index: 0, delta: { function_call: called, tool_calls: [{ index: 1, function: { ...called } }] }, finish_reason: null as string | null }));
    const last = { index: 0, delta: {} as Record<string, unknown>, finish_reason: 'function_call' };
    for (const piece of [...pieces, last]) guard.passPiece(piece);
    expect(pieces[0]!.delta).toMatchObject({ function_call: { name: 'send' }, tool_calls: [{ function: { name: 'send' } }] });
    expect(pieces[1]!.delta).toEqual({ function_call: {}, tool_calls: [{ index: 1, function: {} }] });
    const told = [...pieces, last].map(({ delta }) => delta as { function_call?: { arguments?: string }; tool_calls?: { function: { arguments?: string } }[] });
    expect([told.map((delta) => delta.function_call?.arguments ?? '').join(''), told.map((delta) => delta.tool_calls?.[0]?.function.arguments ?? '').join('')]).toEqual(['{"to":"[e-mail]"}', '{"to":"[e-mail]"}']);
  });
});
