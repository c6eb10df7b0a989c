import type { Command } from 'commander';
import { apiCommand, group, listCommand } from './api-command.js';

export const claimCommands = (): Command[] => [
  group(
    'claim',
    'receipts of nodes that no charge supports',
    listCommand('open claims, or others with --state', ({ api }, page, { state }) => api.ask('GET', '/claims', { query: { ...page, state } })).option('--state <state>', 'open, resolved or all'),
    apiCommand('resolve <record> <node> <resolution> <note>', 'end a claim: rejected, paid_outside or withdrawn, and why', ({ api }, [record, node, resolution, note]) =>
      api.ask('POST', `/claims/${record}/${node}/resolution`, { body: { resolution, note } }),
    ),
  ),
];
