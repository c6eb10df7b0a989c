import { Command } from 'commander';
import { sessionOf, withApi } from '../settings.js';
import type { Session } from '../settings.js';

export type Options = Readonly<Record<string, string | undefined>>;

/** A command that asks the API once and prints the answer. `usage` as commander has it: `set <project> <usd>`. */
export function apiCommand(usage: string, summary: string, ask: (session: Session, args: readonly string[], options: Options) => Promise<unknown>): Command {
  const command = withApi(new Command(usage.split(' ')[0]).description(summary));
  for (const argument of usage.split(' ').slice(1)) command.argument(argument);
  return command.action(async (...given: unknown[]) => {
    const args = given.slice(0, -2) as string[];
    const options = command.opts<Options>();
    const session = sessionOf(options);
    session.print(await ask(session, args, options));
  });
}

/** The same for a listing: pages by `--after` and `--limit`. */
export function listCommand(summary: string, ask: (session: Session, page: { after: string | undefined; limit: string | undefined }, options: Options) => Promise<unknown>, name = 'list'): Command {
  return apiCommand(name, summary, (session, _args, options) => ask(session, { after: options['after'], limit: options['limit'] }, options))
    .option('--after <id>', 'the last id of the page before')
    .option('--limit <count>', 'entries at most');
}

export function group(name: string, summary: string, ...commands: readonly Command[]): Command {
  const parent = new Command(name).description(summary);
  for (const command of commands) parent.addCommand(command);
  return parent;
}
