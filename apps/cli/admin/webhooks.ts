import type { Command } from 'commander';
import { apiCommand, group, listCommand } from './api-command.js';

const typesOf = (types: string | undefined): string[] | undefined => types?.split(',').map((type) => type.trim());
const numberOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));

export const webhookCommands = (): Command[] => [
  group(
    'webhook',
    'entries of the log delivered to your own server, signed by Standard Webhooks',
    apiCommand('add <url>', 'a new webhook; prints its secret once', ({ api, org }, [url], { types, after }) => {
      const secret = process.env['MIZAN_WEBHOOK_SECRET'];
      return api.ask('POST', `/organisations/${org()}/webhooks`, { body: { url, types: typesOf(types), after: numberOf(after), secret } });
    })
      .option('--types <types>', 'refused,policy.published,… (all unless given)')
      .option('--after <index>', 'begin after this entry, not with what comes from now on'),
    apiCommand('list', 'webhooks and how they stand', ({ api, org }) => api.ask('GET', `/organisations/${org()}/webhooks`)),
    apiCommand('pause <id>', 'deliver nothing until it is resumed', ({ api, org }, [id]) => api.ask('PUT', `/organisations/${org()}/webhooks/${id}`, { body: { state: 'paused' } })),
    apiCommand('resume <id>', 'go on where it stopped, or after an entry', ({ api, org }, [id], { after }) =>
      api.ask('PUT', `/organisations/${org()}/webhooks/${id}`, { body: { state: 'active', after: numberOf(after) } }),
    ).option('--after <index>', 'deliver again what comes after this entry'),
    apiCommand('rotate <id>', 'a new secret; the old one signs as well for a day', ({ api, org }, [id]) => api.ask('POST', `/organisations/${org()}/webhooks/${id}/secret`, { body: {} })),
    apiCommand('remove <id>', 'remove it', ({ api, org }, [id]) => api.ask('DELETE', `/organisations/${org()}/webhooks/${id}`)),
    listCommand('webhooks and how they stand', ({ api, org }, page, { webhook }) => api.ask('GET', `/organisations/${org()}/webhooks/${webhook}/dead-letters`, { query: page })).name('dead-letters').description('deliveries that were given up, newest first').requiredOption('--webhook <id>'),
  ),
];
