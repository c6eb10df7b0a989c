import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { auditVerifyCommand, bundleCommand, discloseCommand, replayCommand } from '../audit-command.js';
import { exportCommand, verifyExportCommand } from '../export-command.js';
import { keysCommand, verifyKeysCommand } from '../keys-command.js';
import { gatherCommand, reconcileCommand } from '../reconcile-command.js';
import { reportCommand, verifyReportCommand } from '../report-command.js';
import { apiCommand, group, listCommand } from './api-command.js';
import { searchCommand } from './search.js';

export const recordCommands = (): Command[] => [
  group(
    'record',
    'decision records',
    listCommand('log entries, newest first', ({ api, orgOrNone }, page, { type }) => api.ask('GET', '/records', { query: { ...page, type, tenant: orgOrNone } })).option('--type <type>', 'admitted, completed, refused, …'),
    apiCommand('get <id>', 'the entries of one record', ({ api, orgOrNone }, [id]) => api.ask('GET', `/records/${id}`, { query: { tenant: orgOrNone } })),
    apiCommand('proof <id>', 'a proof that the record is in the log', async ({ api, orgOrNone }, [id], { out }) => {
      const proof = await api.ask('GET', `/records/${id}/proof`, { query: { tenant: orgOrNone } });
      if (out === undefined) return proof;
      writeFileSync(out, `${JSON.stringify(proof, null, 2)}\n`);
      return { record: id, file: out };
    }).option('--out <file>', 'write it there'),
  ),
  group(
    'audit',
    'the audit log',
    searchCommand(),
    apiCommand('checkpoint', 'the signed head of the log', ({ api }) => api.ask('GET', '/audit/checkpoint')),
    keysCommand(),
    verifyKeysCommand(),
    exportCommand(),
    verifyExportCommand(),
    reportCommand(),
    verifyReportCommand(),
    gatherCommand(),
    reconcileCommand(),
    bundleCommand(),
    discloseCommand(),
    auditVerifyCommand(),
    replayCommand(),
  ),
];
