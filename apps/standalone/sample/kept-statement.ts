import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { statementFile } from '#protocol';
import { eventually } from './sample-api.js';
import type { SampleNode } from './sample-context.js';

/** A signed statement as a machine that it pays was handed it and keeps it, and that machine's key. */
export interface KeptStatement {
  readonly node: string;
  readonly file: string;
  readonly keyFile: string;
}

/** Waits until a machine that an epoch pays has its statement in its own directory: it is handed it when it is signed. Error: none has it. */
export function keptStatement(paid: readonly SampleNode[], epoch: { readonly payer: string; readonly epoch: number }): Promise<KeptStatement> {
  return eventually(`the statement of epoch ${epoch.epoch} in the directory of a machine`, () => Promise.resolve(paid.flatMap((node) => keptBy(node, epoch))[0]));
}

function keptBy({ name, directory }: SampleNode, { payer, epoch }: { readonly payer: string; readonly epoch: number }): KeptStatement[] {
  const statements = join(directory, 'statements');
  // Whose signer nobody has verified is in a file of another name.
  const files = namesIn(statements).filter((file) => /^\d+-0x[0-9a-fA-F]{40}\.json$/.test(file)).map((file) => join(statements, file));
  return files
    .filter((file) => {
      const { statement } = statementFile.parse(JSON.parse(readFileSync(file, 'utf8')));
      return statement.payer.toLowerCase() === payer.toLowerCase() && statement.epoch === BigInt(epoch);
    })
    .map((file) => ({ node: name, file, keyFile: join(directory, 'wallet.key') }));
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
