import { describe, expect, it } from '@jest/globals';
import { parseArguments } from './arguments.js';
import { Narrator } from './narrator.js';

const capture = (isTTY: boolean): { text: string[]; narrator: Narrator } => {
  const text: string[] = [];
  return { text, narrator: new Narrator({ isTTY, write: (part: string) => text.push(part) } as unknown as NodeJS.WriteStream) };
};

describe('what the stand-alone stack says', () => {
  it('tells each step with what it gave and how long it took', async () => {
    const { text, narrator } = capture(false);
    expect(await narrator.step('chain', () => Promise.resolve(7), (value) => `gave ${value}`)).toBe(7);
    expect(text.join('')).toMatch(/^ {2}chain +gave 7 \(\d+\.\d s\)\n$/);
  });

  it('moves one bar on a terminal and clears it before the next line', () => {
    const { text, narrator } = capture(true);
    narrator.progress(1, 2);
    narrator.say('done');
    expect(text[0]).toContain('[###############...............] 1/2');
    expect(text[1]).toMatch(/^\r +\r$/);
    expect(text[2]).toBe('done\n');
  });

  it('prints a line per tenth where there is no terminal', () => {
    const { text, narrator } = capture(false);
    for (let done = 0; done <= 100; done += 1) narrator.progress(done, 100);
    expect(text).toHaveLength(11);
  });
});

describe('the options of the stand-alone stack', () => {
  it('are read from the command line', () => {
    expect(parseArguments([])).toEqual({ sample: true, reset: false });
    expect(parseArguments(['--no-sample', '--reset'])).toEqual({ sample: false, reset: true });
  });

  it('are refused when unknown', () => {
    expect(() => parseArguments(['--nosample'])).toThrow('unknown option --nosample');
  });
});
