import type { Command } from 'commander';
import { parseNanos } from '#kernel';
import { spendPeriods } from '#protocol';
import { apiCommand, group } from './api-command.js';
import type { Options } from './api-command.js';

const scopes = ['organisation', 'project', 'key'] as const;

export const trafficCommands = (): Command[] => [
  group(
    'limit',
    'what organisations, projects and API keys may ask for and spend',
    apiCommand('list', 'every limit of an organisation', (session) => session.api.ask('GET', `/organisations/${session.org()}/limits`)),
    apiCommand('set <scope> [id]', `replace all limits of an organisation, or of a project or key by its id (${scopes.join(', ')}); what is left out is not limited`, (session, [scope, id], options) =>
      session.api.ask('PUT', pathOf(session.org(), scope!, id), { body: limitsOf(options) }),
    )
      .option('--requests <count>', 'requests a minute')
      .option('--tokens <count>', 'tokens a minute')
      .option('--concurrent <count>', 'requests at once')
      .option('--models <names>', 'the only models that may run, comma separated')
      .option('--spend <usd/period>', `as 20/day: dollars in each ${spendPeriods.join(', ')} of UTC`)
      .option('--answers <rules>', 'personal data in answers, as email=redact,card=stop: record, redact or stop')
      .option('--cache-seconds <count>', 'of a project: how long answers are kept for the very same request')
      .option('--response-seconds <count>', 'of a project: how long responses that callers want stored are stored; left out, none is')
      .option('--hedge <share>', 'of a project, as 0.05: this share of requests that are slow is asked of a second machine, and both are paid for')
      .option('--similar <model/cosine/seconds>', 'of a project, as mizan/embed/0.97/600: answers are given to questions that this embedding model finds so similar, for so long'),
  ),
];

function pathOf(org: string, scope: string, id: string | undefined): string {
  if (scope === 'organisation') return `/organisations/${org}/limits`;
  if (scope !== 'project' && scope !== 'key') throw new Error(`"${scope}" is none of ${scopes.join(', ')}`);
  if (id === undefined) throw new Error(`name the ${scope} by its id`);
  return `/organisations/${org}/${scope}s/${id}/limits`;
}

/** The limits that the options name, as the API takes them. */
export function limitsOf({ requests, tokens, concurrent, models, spend, answers, cacheSeconds, similar, hedge, responseSeconds }: Options): Record<string, unknown> {
  const count = (text: string | undefined): number | null => (text === undefined ? null : Number(text));
  return {
    requestsPerMinute: count(requests),
    tokensPerMinute: count(tokens),
    concurrentRequests: count(concurrent),
    models: models?.split(',').map((name) => name.trim()) ?? null,
    spend: spend === undefined ? null : spendOf(spend),
    answers: answers === undefined ? null : Object.fromEntries(answers.split(',').map((rule) => rule.split('=').map((word) => word.trim()))),
    cacheSeconds: count(cacheSeconds),
    hedge: hedge === undefined ? null : { maxShare: Number(hedge) },
    responseSeconds: count(responseSeconds),
    semanticCache: similar === undefined ? null : similarOf(similar),
  };
}

/** The model's name may have slashes itself. */
function similarOf(text: string): { model: string; minSimilarity: number; seconds: number } {
  const parts = text.split('/');
  if (parts.length < 3) throw new Error(`"${text}" is not as mizan/embed/0.97/600`);
  return { model: parts.slice(0, -2).join('/'), minSimilarity: Number(parts.at(-2)), seconds: Number(parts.at(-1)) };
}

function spendOf(text: string): { limitNanos: string; period: string } {
  const [usd, period, ...rest] = text.split('/');
  if (period === undefined || rest.length > 0) throw new Error(`"${text}" is not a spend as 20/day`);
  return { limitNanos: parseNanos(usd!).toString(), period };
}
