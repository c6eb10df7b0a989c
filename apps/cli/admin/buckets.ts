import type { Command } from 'commander';
import { apiCommand, group } from './api-command.js';

const numberOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));

/** Credentials come by the environment: arguments are seen by everybody on a machine. */
function credentials(): Record<string, string | undefined> | undefined {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = process.env;
  return accessKeyId === undefined ? undefined : { accessKeyId, secretAccessKey, sessionToken };
}

const path = (org: string, id?: string): string => `/organisations/${org}/buckets${id === undefined ? '' : `/${id}`}`;

export const bucketCommands = (): Command[] => [
  group(
    'bucket',
    'entries of the log put into your own bucket, by the API of S3',
    apiCommand('add <endpoint> <bucket>', 'a new bucket; its credentials are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY', ({ api, org }, [endpoint, bucket], { region, prefix, format, after }) =>
      api.ask('POST', path(org()), { body: { endpoint, bucket, region, prefix, format, after: after === 'start' ? null : numberOf(after), credentials: credentials() } }),
    )
      .requiredOption('--region <region>', 'as eu-central-1; what your service calls it')
      .option('--prefix <folders>', 'in front of the names of objects')
      .option('--format <format>', 'jsonl or ocsf', 'jsonl')
      .option('--after <index>', 'begin after this entry, or at the "start", not with what comes from now on'),
    apiCommand('list', 'buckets and how far each is', ({ api, org }) => api.ask('GET', path(org()))),
    apiCommand('pause <id>', 'put nothing until it is resumed', ({ api, org }, [id]) => api.ask('PUT', path(org(), id), { body: { state: 'paused' } })),
    apiCommand('resume <id>', 'go on where it stopped, or after an entry', ({ api, org }, [id], { after }) => api.ask('PUT', path(org(), id), { body: { state: 'active', after: after === 'start' ? null : numberOf(after) } })).option(
      '--after <index>',
      'put again what comes after this entry, or everything from the "start"',
    ),
    apiCommand('credentials <id>', 'new credentials, from the same variables', ({ api, org }, [id]) => api.ask('PUT', path(org(), id), { body: { credentials: credentials() } })),
    apiCommand('remove <id>', 'remove it; what was put there stays there', ({ api, org }, [id]) => api.ask('DELETE', path(org(), id))),
  ),
];
