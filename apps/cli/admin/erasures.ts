import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { apiCommand, group, listCommand } from './api-command.js';

export const erasureCommands = (): Command[] => [
  group(
    'erasure',
    'erasing what names a person in records (role compliance)',
    apiCommand('request [subject]', 'erase what names a subject; "-" reads the subject from standard input, so that it stands in no history', ({ api }, [subject], { person, basis, reference }) =>
      api.ask('POST', '/erasures', { body: { subject: subject === '-' ? readFileSync(0, 'utf8').trim() : subject, person, basis, reference } }),
    )
      .requiredOption('--basis <text>', 'the legal ground, as "GDPR Art. 17(1)(b)"')
      .option('--reference <text>', 'your own number of the request')
      .option('--person <pseudonym>', 'the pseudonym that records show, in place of the subject'),
    listCommand('erasures, newest first', ({ api }, page, { person }) => api.ask('GET', '/erasures', { query: { ...page, person } })).option('--person <pseudonym>', 'of one person'),
    apiCommand('get <id>', 'one erasure', ({ api }, [id]) => api.ask('GET', `/erasures/${id}`)),
  ),
];
