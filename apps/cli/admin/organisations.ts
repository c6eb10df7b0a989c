import type { Command } from 'commander';
import { roles } from '#protocol';
import { apiCommand, group, listCommand } from './api-command.js';

export const organisationCommands = (): Command[] => [
  group(
    'org',
    'organisations',
    apiCommand('create <name>', 'create an organisation', ({ api }, [name]) => api.ask('POST', '/organisations', { body: { name } })),
    listCommand('organisations', ({ api }, page) => api.ask('GET', '/organisations', { query: page })),
    apiCommand('get [id]', 'one organisation', (session, [id]) => session.api.ask('GET', `/organisations/${id ?? session.org()}`)),
  ),
  group(
    'project',
    'projects of an organisation',
    apiCommand('create <name>', 'create a project', (session, [name], { class: defaultClass }) =>
      session.api.ask('POST', `/organisations/${session.org()}/projects`, { body: { name, defaultClass: defaultClass ?? 'internal' } }),
    ).option('--class <class>', 'data class of requests that declare none', 'internal'),
    apiCommand('list', 'projects', (session) => session.api.ask('GET', `/organisations/${session.org()}/projects`)),
  ),
  group(
    'key',
    'API keys of an organisation',
    apiCommand('create <name>', 'create a key; its secret is shown this once', (session, [name], { role, project, expires }) =>
      session.api.ask('POST', `/organisations/${session.org()}/keys`, { body: { name, role, project, expiresAtMs: expires === undefined ? undefined : timeOf(expires) } }),
    )
      .requiredOption('--role <role>', roles.join(', '))
      .option('--project <id>', 'only for this project')
      .option('--expires <time>', 'as 2027-01-31T00:00:00Z'),
    apiCommand('list', 'keys, without their secrets', (session) => session.api.ask('GET', `/organisations/${session.org()}/keys`)),
    apiCommand('revoke <id>', 'revoke a key; gateways refuse it within a second', (session, [id]) => session.api.ask('DELETE', `/organisations/${session.org()}/keys/${id}`)),
  ),
];

function timeOf(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new Error(`"${text}" is not a time as 2027-01-31T00:00:00Z`);
  return ms;
}
