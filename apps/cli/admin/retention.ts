import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { lawNames } from '#protocol';
import { apiCommand, group, listCommand } from './api-command.js';

export const retentionCommands = (): Command[] => [
  group(
    'retention',
    'how long records of requests are kept (setting it: role compliance)',
    apiCommand('get', 'what is set', ({ api }) => api.ask('GET', '/retention')),
    apiCommand('set', 'replace what is set; the longest period counts, and without any records are kept until further notice', ({ api }, _args, { laws, days }) =>
      api.ask('PUT', '/retention', { body: { laws: laws?.split(',').map((law) => law.trim()) ?? [], days: days === undefined ? null : Number(days) } }),
    )
      .option('--laws <names>', `laws that apply, comma separated: ${lawNames.join(', ')}`)
      .option('--days <count>', "the organisation's own period"),
  ),
  group(
    'hold',
    'legal holds: they win over retention and erasure (role compliance)',
    apiCommand('place', 'keep records from being deleted or erased', ({ api }, _args, { reason, reference, subject, person, from, until }) =>
      api.ask('POST', '/legal-holds', { body: { reason, reference, subject: subject === '-' ? readFileSync(0, 'utf8').trim() : subject, person, fromMs: timeOf(from), untilMs: timeOf(until) } }),
    )
      .requiredOption('--reason <text>', 'why')
      .option('--reference <text>', 'your own number of the case')
      .option('--subject <subject>', 'only of this subject, as requests declared it; "-" reads it from standard input')
      .option('--person <pseudonym>', 'the same by the pseudonym that records show')
      .option('--from <time>', 'only of records from then on, as 2026-01-31T00:00:00Z')
      .option('--until <time>', 'only of records until then'),
    listCommand('legal holds, newest first', ({ api }, page) => api.ask('GET', '/legal-holds', { query: page })),
    apiCommand('release <id>', 'release a hold; erasures that waited for it are done', ({ api }, [id]) => api.ask('POST', `/legal-holds/${id}/release`)),
    apiCommand('erasures', 'erasures that wait for a hold to be released', ({ api }) => api.ask('GET', '/held-erasures')),
    apiCommand('contents <kind>', 'deleted files or responses that a hold keeps (roles compliance and auditor; each look is in the log)', ({ api }, [kind], { after, limit }) => api.ask('GET', '/held-contents', { query: { kind, after, limit } }))
      .option('--after <id>', 'on from there: what the page before says as "next"')
      .option('--limit <count>', 'at most so many'),
    apiCommand('fetch <kind> <id>', 'what was stored of one of them', async ({ api }, [kind, id], { out = id! }) => {
      const bytes = await api.bytes(`/held-contents/${kind}/${id}`, {});
      writeFileSync(out, bytes);
      return { file: out, bytes: bytes.length };
    }).option('--out <file>', 'write it there'),
  ),
];

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new Error(`"${text}" is not a time as 2026-01-31T00:00:00Z`);
  return ms;
}
