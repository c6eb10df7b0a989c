import { LocalError } from '#local';

export interface Options {
  /** Run the sample job once the stack is up. */
  sample: boolean;
  /** Throw the data of earlier runs away first. */
  reset: boolean;
}

/** Reads the command line. Error: `LocalError` for an option that is not known. */
export function parseArguments(args: readonly string[]): Options {
  const known = new Set(['--no-sample', '--reset']);
  const odd = args.find((arg) => !known.has(arg));
  if (odd !== undefined) throw new LocalError(`unknown option ${odd}; known are ${[...known].join(' and ')}`);
  return { sample: !args.includes('--no-sample'), reset: args.includes('--reset') };
}
