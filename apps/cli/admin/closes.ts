import type { Command } from 'commander';
import { apiCommand, group, listCommand } from './api-command.js';
import { claimCommands } from './claims.js';

export const closeCommands = (): Command[] => [
  group(
    'close',
    'closes of the books: compared with the log, the receipts and the chain',
    apiCommand('run', 'close the books now', ({ api }) => api.ask('POST', '/closes')),
    listCommand('closes, newest first', ({ api }, page) => api.ask('GET', '/closes', { query: { ...page } })),
    apiCommand('get <number>', 'one close, with every difference that it found', ({ api }, [number]) => api.ask('GET', `/closes/${number}`)),
  ),
  ...claimCommands(),
];
