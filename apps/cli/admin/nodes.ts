import type { Command } from 'commander';
import { apiCommand, group, listCommand } from './api-command.js';

export const nodeCommands = (): Command[] => [
  group(
    'node',
    'machines',
    listCommand('machines', ({ api }, page) => api.ask('GET', '/nodes', { query: page })),
    apiCommand('token <name>', 'make a single-use enrolment token, shown this once', ({ api }, [name], { region, country, jurisdiction, validHours }) => {
      const facts = { region, country, jurisdiction };
      const given = Object.values(facts).filter((fact) => fact !== undefined).length;
      if (given !== 0 && given !== 3) throw new Error('--region, --country and --jurisdiction go together');
      return api.ask('POST', '/enrolment-tokens', { body: { name, facts: given === 3 ? facts : undefined, validMs: Number(validHours) * 3_600_000 } });
    })
      .option('--region <region>', 'what the contract says, as eu-frankfurt')
      .option('--country <code>', 'ISO 3166-1 alpha-2')
      .option('--jurisdiction <code>', 'EU, US, SA, …')
      .option('--valid-hours <hours>', 'how long it may be used', '1'),
    apiCommand('revoke <id>', 'cut a machine off at once', ({ api }, [id]) => api.ask('DELETE', `/nodes/${id}`)),
  ),
  group('offer', 'models on machines', listCommand('offers', ({ api }, page) => api.ask('GET', '/offers', { query: page }))),
  group('model', 'models that can be asked', apiCommand('list', 'models with a machine up', ({ api }) => api.ask('GET', '/models'))),
];
