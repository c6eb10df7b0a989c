import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import type { Command } from 'commander';
import { ApiClient } from './api-client.js';
import { printer } from './output.js';
import type { Printer } from './output.js';

/** Where the stand-alone stack leaves its addresses and keys, seen from the checkout. */
export const defaultRunFile = '.mizan/run.json';

interface Given {
  readonly api?: string;
  readonly key?: string;
  readonly run?: string;
  readonly org?: string;
  readonly json?: boolean;
}

/** What a command that speaks to the API works with. */
export interface Session {
  readonly api: ApiClient;
  readonly print: Printer;
  /** The organisation acted on. Error: none is named. */
  org(): string;
  /** The same, or `undefined`: the key's own, or all that it may see. */
  readonly orgOrNone: string | undefined;
}

/** Adds the options of every command that speaks to the API. */
export function withApi(command: Command): Command {
  return command
    .addOption(new Option('--api <url>', 'base URL of the API').env('MIZAN_API'))
    .addOption(new Option('--key <key>', 'API key').env('MIZAN_KEY'))
    .addOption(new Option('--run <file>', `run file of a local stack (default: ${defaultRunFile})`))
    .addOption(new Option('--org <id>', 'organisation').env('MIZAN_ORG'))
    .option('--json', 'print JSON');
}

/** Error: no address or no key is given, or the run file cannot be read. */
export function sessionOf(given: Given): Session {
  const run = given.api !== undefined && given.key !== undefined && given.run === undefined ? {} : runFile(given.run);
  const [api, key, org] = [given.api ?? run['api'], given.key ?? run['adminKey'], given.org];
  if (api === undefined || key === undefined) throw new Error(`no ${api === undefined ? 'address' : 'key'} is given: use --api and --key, MIZAN_API and MIZAN_KEY, or --run FILE`);
  return {
    api: new ApiClient(api, key),
    print: printer(given.json),
    orgOrNone: org,
    org() {
      const named = org ?? run['tenant'];
      if (named === undefined) throw new Error('no organisation is named: use --org or MIZAN_ORG');
      return named;
    },
  };
}

function runFile(given: string | undefined): Record<string, string | undefined> {
  try {
    return JSON.parse(readFileSync(given ?? defaultRunFile, 'utf8')) as Record<string, string | undefined>;
  } catch (error) {
    if (given === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new Error(`the run file ${given ?? defaultRunFile} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
