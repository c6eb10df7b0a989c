import { discloseBundle, formatBundle, nodeCrypto, parseBundle, openCheckpoint, parseVerifierKey, parseWitnessPolicy, sha256, verifyBundle, verifySignature } from '#merkle';
import type { BundleCheck, BundleVerdict, Checkpoint, KeyHistory, NamedAnchor } from '#merkle';
import type { Anchor } from './chain-view.js';
import { KnownKeys } from './known-keys.js';

/** What a reader may bring beside the file; texts as they are kept. */
export interface ReaderKeeps {
  /** Verifier key of the log. */
  readonly logKey?: string | undefined;
  /** Verifier keys of witnesses: each of them must have cosigned. */
  readonly witnesses?: readonly string[];
  /** C2SP tlog-policy: logs, witnesses and how many of them. */
  readonly policy?: string | undefined;
  /** A signed checkpoint, or the state file of `mizan monitor`. */
  readonly last?: string | undefined;
  /** The keys that follow from the log's. */
  readonly history?: KeyHistory | undefined;
}

/** Whether a file is a proof bundle; the older proof file of a record is read otherwise. */
export const isBundle = (text: string): boolean => !/"format":\s*"mizan-proof\/1"/.test(text);

/** Verifies a bundle from the file and what the reader keeps. Error: `Malformed` when it is what the reader keeps that cannot be read. */
export function verifyOfflineBundle(text: string, keeps: ReaderKeeps): BundleVerdict {
  const logKey = keeps.logKey === undefined ? undefined : parseVerifierKey(sha256, keeps.logKey);
  const policy = keeps.policy ?? policyOf(keeps);
  const known = policy === undefined ? undefined : parseWitnessPolicy(sha256, policy);
  const pinned = logKey ?? (known?.logs.length === 1 ? known.logs[0] : undefined);
  const last = keeps.last === undefined ? undefined : lastOf(keeps.last, pinned && new KnownKeys(pinned, keeps.history));
  // Witnesses alone say nothing of which log it is: without a key of the reader's, the file's own is only compared by eye.
  const logs = logKey === undefined ? (known?.logs ?? []) : [logKey];
  return verifyBundle(text, nodeCrypto, { logKey, history: keeps.history, policy: known && { ...known, logs }, last });
}

/**
 * The text of a bundle that shows only these fields of one that is in order by itself. Error: something in the bundle does not hold, or no
 * body has such a field.
 */
export function discloseText(text: string, fields: readonly string[]): string {
  const broken = verifyBundle(text, nodeCrypto).checks.find(({ holds }) => holds === false);
  if (broken !== undefined) throw new Error(`the bundle does not hold, so nothing of it is shown: ${broken.name}: ${broken.detail}`);
  return formatBundle(discloseBundle(nodeCrypto, parseBundle(text), fields));
}

/** Keys that were given one by one, as a policy. */
function policyOf({ logKey, witnesses = [] }: ReaderKeeps): string | undefined {
  if (witnesses.length === 0) return undefined;
  const lines = witnesses.map((key, n) => `witness w${n} ${key}`);
  const names = witnesses.map((_, n) => `w${n}`).join(' ');
  return [...(logKey === undefined ? [] : [`log ${logKey}`]), ...lines, `group all all ${names}`, 'quorum all'].join('\n');
}

function lastOf(text: string, keys: KnownKeys | undefined): Checkpoint {
  if (keys === undefined) throw new Error('--last takes --log-key as well: a checkpoint that nobody signed says nothing');
  const note = text.trimStart().startsWith('{') ? (JSON.parse(text) as { note?: string }).note : text;
  if (typeof note !== 'string') throw new Error('--last is a signed checkpoint, or the state file of mizan monitor');
  return openCheckpoint(note, keys.signerOf(note), verifySignature);
}

/** Whether the chain holds the anchor that the bundle names. */
export function anchorCheck(named: NamedAnchor | undefined, onChain: Anchor | undefined): BundleCheck {
  if (named === undefined) return { name: 'chain', holds: null, detail: 'the file names no anchor: the record is newer than the last one' };
  const holds = onChain !== undefined && onChain.size === named.size && onChain.root === named.root && onChain.payer === named.payer.toLowerCase();
  if (holds) return { name: 'chain', holds, detail: `the escrow's event in ${named.tx} holds the root of ${named.size} entries` };
  return { name: 'chain', holds, detail: onChain === undefined ? `the escrow settled no epoch in ${named.tx}` : `the escrow's event in ${named.tx} is of ${onChain.size} entries, root ${onChain.root}, by ${onChain.payer}` };
}

/** Memories outside the operator's reach that this state of the log was found in. */
export function outsideMemory({ checks, cosignedBy }: BundleVerdict, witnessesCount: boolean): string[] {
  const held = (name: string): boolean => checks.some((check) => check.name === name && check.holds === true);
  return [
    ...(witnessesCount && held('witnesses') ? [`witnesses ${cosignedBy.filter(({ own }) => !own).map(({ key }) => key.name).join(', ')}`] : []),
    ...(held('chain') ? ['the chain'] : []),
    ...(held('your last checkpoint') ? ['your last checkpoint'] : []),
  ];
}
