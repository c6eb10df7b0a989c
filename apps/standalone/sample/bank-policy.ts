import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The policy in the checkout, whether this code runs from its source or compiled: it is meant to be edited. */
export const bankPolicyPath = join(checkout(import.meta.dirname), 'apps/standalone/sample/bank-policy.cedar');

/** Cedar text of the bank's policy as it stands in the checkout now. */
export function bankPolicy(): string {
  return readFileSync(bankPolicyPath, 'utf8');
}

/** Senders that a policy text names, lower case: `sender:<address>` tags. */
export function namedSenders(policyText: string): ReadonlySet<string> {
  const withoutComments = policyText.replace(/^\s*\/\/.*$/gm, '');
  return new Set([...withoutComments.matchAll(/"sender:([^"\s]{1,255})"/g)].map((match) => match[1]!.toLowerCase()));
}

function checkout(from: string): string {
  if (existsSync(join(from, 'package.json'))) return from;
  if (dirname(from) === from) throw new Error('no package.json above the sample job');
  return checkout(dirname(from));
}
