import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AnswerGuard } from './answer-guard.js';

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
