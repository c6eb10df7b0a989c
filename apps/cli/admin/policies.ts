import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { apiCommand, group } from './api-command.js';

export const policyCommands = (): Command[] => [
  group(
    'policy',
    "an organisation's policy, as Cedar text",
    apiCommand('put <file>', 'publish a new version; errors name line and column', (session, [file]) => session.api.ask('PUT', `/organisations/${session.org()}/policy`, { body: { text: readFileSync(file!, 'utf8') } })),
    apiCommand('get', 'the policy in force', (session, _args, { version }) => session.api.ask('GET', `/organisations/${session.org()}/policy`, { query: { version } })).option('--version <number>', 'an older version'),
    apiCommand('versions', 'every version, without its text', (session) => session.api.ask('GET', `/organisations/${session.org()}/policy/versions`)),
    apiCommand('dry-run <record>', 'decide a past request again', (session, [record], { file }) =>
      session.api.ask('POST', `/organisations/${session.org()}/policy/dry-run`, { body: { record, text: file === undefined ? undefined : readFileSync(file, 'utf8') } }),
    ).option('--file <file>', 'under this text; the policy in force when left out'),
  ),
];
