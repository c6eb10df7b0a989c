import { z } from 'zod';
import { parseNanos } from '#kernel';

/** US dollars as a decimal text with at most nine places; nanos in code. `message`: what is said of a text that is none, or below `leastNanos`. */
export const dollars = (message: string, leastNanos = 1n) =>
  z.string().transform((text, context) => {
    try {
      const value = parseNanos(text);
      if (value >= leastNanos) return value;
    } catch {
      // Said below.
    }
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
