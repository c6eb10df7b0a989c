#!/usr/bin/env node
import { Command } from 'commander';
import { ApiError } from './api-client.js';
import { bondCommand } from './bond-command.js';
import { chainCommand } from './chain-command.js';
import { closeCommands } from './admin/closes.js';
import { costCommands } from './admin/costs.js';
import { custodyCommands } from './admin/custody.js';
import { erasureCommands } from './admin/erasures.js';
import { invoiceCommands } from './admin/invoices.js';
import { moneyCommands } from './admin/money.js';
import { nodeCommands } from './admin/nodes.js';
import { organisationCommands } from './admin/organisations.js';
import { payoutRuleCommands } from './admin/payout-rules.js';
import { policyCommands } from './admin/policies.js';
import { recordCommands } from './admin/records.js';
import { retentionCommands } from './admin/retention.js';
import { trafficCommands } from './admin/traffic.js';
import { bucketCommands } from './admin/buckets.js';
import { webhookCommands } from './admin/webhooks.js';
import { monitorCommand } from './monitor-command.js';
import { delegateCommand } from './delegate-command.js';
import { settleCommand } from './settle-command.js';
import { verifyCommand } from './verify-command.js';
import { witnessCommand } from './witness-command.js';

const program = new Command('mizan').description('administers a Mizan deployment, and verifies it from outside');
for (const command of [...organisationCommands(), ...custodyCommands(), ...policyCommands(), ...trafficCommands(), ...moneyCommands(), ...payoutRuleCommands(), ...closeCommands(), ...costCommands(), ...invoiceCommands(), ...nodeCommands(), ...recordCommands(), ...erasureCommands(), ...retentionCommands(), ...webhookCommands(), ...bucketCommands(), settleCommand(), delegateCommand(), chainCommand(), bondCommand(), verifyCommand(), witnessCommand(), monitorCommand()]) program.addCommand(command);

try {
  await program.parseAsync();
} catch (error) {
  // 1 is for what was looked at and found wrong; 2: it could not be done.
  process.exitCode = 2;
  if (process.argv.includes('--json') && error instanceof ApiError) console.log(JSON.stringify({ error: error.error }, null, 2));
  console.error(`mizan: ${error instanceof ApiError && error.code !== '' ? `${error.code}: ` : ''}${error instanceof Error ? error.message : String(error)}`);
  if (error instanceof ApiError) for (const line of problemsOf(error)) console.error(`  ${line}`);
}

/** What is wrong with a policy text, one line each. */
function problemsOf({ error }: ApiError): string[] {
  const problems = error['problems'];
  if (!Array.isArray(problems)) return [];
  return (problems as { line: number; column: number; message: string; help?: string }[]).map(({ line, column, message, help }) => `${line}:${column} ${message}${help === undefined ? '' : ` (${help})`}`);
}
