#!/usr/bin/env node
import { Command } from 'commander';
import { purchasesCommand } from './purchases-command.js';
import { runCommand } from './run-command.js';
import { withdrawCommand } from './withdraw-command.js';

const program = new Command('mizan-node').description("rents this machine's compute out to the Mizan network").addCommand(runCommand()).addCommand(withdrawCommand()).addCommand(purchasesCommand());

try {
  await program.parseAsync();
} catch (error) {
  console.error(`mizan-node: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
