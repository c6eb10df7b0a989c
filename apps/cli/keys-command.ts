import { readFileSync, writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { formatVerifierKey, Malformed, nodeCrypto, openKeyHistory, parseVerifierKey, sha256 } from '#merkle';
import { apiCommand } from './admin/api-command.js';
import { LogSource } from './monitor/log-source.js';

/** `mizan audit keys`: fetches the one file. */
export const keysCommand = (): Command =>
  apiCommand('keys', 'the keys that the log had, in one file: what mizan audit verify takes as --key-history', async ({ api }, _args, { out = 'log-keys.json' }) => {
    writeFileSync(out, await new LogSource(api.log).keys());
    return { file: out };
  }).option('--out <file>', 'write it there');

/** `mizan audit verify-keys FILE`: no network. */
export const verifyKeysCommand = (): Command =>
  new Command('verify-keys')
    .description('check offline that the keys of a log follow from the one that you know, old or new: each change is signed by both keys and an entry of the log; exit code 1 when something does not hold')
    .argument('<file>')
    .addOption(new Option('--log-key <vkey>', "a key of the log's, as you know it").env('MIZAN_LOG_KEY').makeOptionMandatory())
    .option('--json', 'print JSON')
    .action((file: string, { logKey, json }: { logKey: string; json?: boolean }) => {
      const known = parseVerifierKey(sha256, logKey);
      try {
        const keys = openKeyHistory(nodeCrypto, readFileSync(file, 'utf8'), known).keys.map(({ key, untilSize }) => ({ key: formatVerifierKey(key), untilSize: untilSize ?? null, isYours: key.keyId === known.keyId }));
        if (json === true) console.log(JSON.stringify({ holds: true, keys }, null, 2));
        else for (const { key, untilSize, isYours } of keys) console.log(`holds   ${key}${untilSize === null ? ', now' : `, up to ${untilSize} entries`}${isYours ? ' (the one that you know)' : ''}`);
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
        console.log(json === true ? JSON.stringify({ holds: false, error: error.message }, null, 2) : `BROKEN  ${error.message}`);
        process.exitCode = 1;
      }
    });
