import type { Command } from 'commander';
import { apiCommand, group } from './api-command.js';

export const custodyCommands = (): Command[] => [
  group(
    'keys',
    'the keys that seal records (API keys are "key")',
    apiCommand('list', 'sealing keys of an organisation, and who keeps the key over them', (session, _args, { after, limit }) => session.api.ask('GET', `/organisations/${session.org()}/sealing-keys`, { query: { after, limit } }))
      .option('--after <id>', 'the last id of the page before')
      .option('--limit <count>', 'keys at most'),
    apiCommand('rotate', 'a new tenant key and a new sealing key of an organisation; with --master a new version over all tenant keys that the deployment keeps', (session, _args, { master }) =>
      master === undefined ? session.api.ask('POST', `/organisations/${session.org()}/sealing-keys/rotate`) : session.api.ask('POST', '/master-key/rotate'),
    ).option('--master', "the deployment's master key"),
    apiCommand('kms [url]', "keep an organisation's tenant keys in its own KMS (Vault's transit engine): from now on bodies open only while it says so", (session, [url], { kmsKey: key, mount, namespace, release }) => {
      const path = `/organisations/${session.org()}/kms`;
      if (release !== undefined) return session.api.ask('DELETE', path);
      if (url === undefined || key === undefined) throw new Error('name the KMS by its URL and the key by --kms-key, or give --release');
      const token = process.env['MIZAN_KMS_TOKEN'];
      if (token === undefined) throw new Error('put the token for the KMS into MIZAN_KMS_TOKEN: arguments are seen by others');
      return session.api.ask('PUT', path, { body: { url, key, mount, namespace, token } });
    })
      .option('--kms-key <name>', 'the key in it')
      .option('--mount <path>', 'where the transit engine is mounted', 'transit')
      .option('--namespace <name>', 'of Vault Enterprise')
      .option('--release', "take the keys back into the deployment's keeping"),
  ),
];
