import { DomainError } from '../kernel/errors.js';
import { chargeClaim, needShown, offersClaim, policyClaim, priceClaim, receiptClaim, said } from './bundle-claims.js';
import type { Claims } from './bundle-claims.js';
import { notesBy } from './bundle-crypto.js';
import type { BundleCrypto } from './bundle-crypto.js';
import { bytesOf, openEntry } from './bundle-entry.js';
import type { OpenEntry } from './bundle-entry.js';
import type { Bundle } from './bundle.js';
import { equalBytes, fromHex, toHex } from './bytes.js';
import { openCheckpoint } from './checkpoint.js';
import type { Checkpoint } from './checkpoint.js';
import { datedKeyOf, requireOfTheLog } from './key-history.js';
import type { KeyHistory } from './key-history.js';
import { Malformed, Missing } from './malformed.js';
import { parseNote } from './note.js';
import type { ReadBundle } from './plain-bundle.js';
import { readBundle } from './read-bundle.js';
import { isSameKey, parseVerifierKey } from './verifier-key.js';
import type { VerifierKey } from './verifier-key.js';
import { verifyConsistency } from './verify.js';
import { isOperatorsOwn } from './witness-policy.js';
import type { WitnessPolicy } from './witness-policy.js';

/** `null`: it could not be checked, as the detail says. */
export interface BundleCheck {
  readonly name: string;
  readonly holds: boolean | null;
  readonly detail: string;
}

/** An anchor on a chain that covers the record, as the log holds it; that the chain holds it too is to be looked up there. */
export interface NamedAnchor {
  readonly chainId: number | undefined;
  readonly escrow: string | undefined;
  readonly payer: string;
  readonly epoch: number;
  readonly tx: string;
  readonly size: number;
  /** Hex. */
  readonly root: string;
}

export interface BundleVerdict {
  /** `incomplete`: nothing is wrong, and something could not be checked. */
  readonly result: 'valid' | 'incomplete' | 'invalid';
  readonly record: string | undefined;
  readonly checks: readonly BundleCheck[];
  readonly checkpoint: Checkpoint | undefined;
  /** All that cosigned, and which of them are the operator's own and so count for nothing. */
  readonly cosignedBy: readonly { readonly key: VerifierKey; readonly own: boolean }[];
  readonly anchor: NamedAnchor | undefined;
  /** The record's own entries. */
  readonly entries: readonly OpenEntry[];
  /** What the record was decided by: for deciding again. */
  readonly others: readonly OpenEntry[];
}

/** What the reader brings. */
export interface BundleTrust {
  /** The log's key as the reader knows it; without it the file's own is taken, and the verdict is not `valid`. */
  readonly logKey?: VerifierKey | undefined;
  /** The keys that follow from that one: a file of the log's under any of them counts, under a former one for a state that the log had when a key changed. */
  readonly history?: KeyHistory | undefined;
  /** Which witnesses count, and how many it takes. */
  readonly policy?: WitnessPolicy | undefined;
  /** The last state of the log that the reader has seen. */
  readonly last?: Checkpoint | undefined;
}

/** The logs that the reader knows, if any: a policy may name witnesses alone. */
const knownLogs = ({ logKey, history, policy }: BundleTrust): readonly VerifierKey[] | undefined => (history !== undefined ? history.keys.map(({ key }) => key) : logKey !== undefined ? [logKey] : policy === undefined || policy.logs.length === 0 ? undefined : policy.logs);

/** Checks a proof bundle from the file alone. Never throws for what a file may hold: what is wrong is a check that does not hold. */
export function verifyBundle(text: string, crypto: BundleCrypto, trust: BundleTrust = {}): BundleVerdict {
  const checks: BundleCheck[] = [];
  const state: { read?: ReadBundle; checkpoint?: Checkpoint; cosignedBy: { key: VerifierKey; own: boolean }[]; anchor?: NamedAnchor | undefined; entries: OpenEntry[]; others: OpenEntry[] } = { cosignedBy: [], entries: [], others: [] };
  /** Does the work of a check; false when it does not hold. `undefined` from the work: there is nothing to check. */
  const check = (name: string, work: () => string | undefined): boolean => {
    try {
      const detail = work();
      if (detail !== undefined) checks.push({ name, holds: true, detail });
      return true;
    } catch (error) {
      if (!isBadInput(error)) throw error;
      checks.push({ name, holds: error instanceof Missing ? null : false, detail: error.message });
      return false;
    }
  };
  const verdict = (): BundleVerdict => {
    const { read, checkpoint, ...rest } = state;
    const result = checks.some(({ holds }) => holds === false) ? 'invalid' : checks.every(({ holds }) => holds) ? 'valid' : 'incomplete';
    return { result, record: read?.bundle.record, checks, checkpoint, anchor: rest.anchor, cosignedBy: rest.cosignedBy, entries: rest.entries, others: rest.others };
  };

  if (!check('file', () => ((state.read = readBundle(text)), 'a proof bundle in its one form'))) return verdict();
  const { bundle, fieldTexts } = state.read!;
  let logKey: VerifierKey | undefined;
  const keyed = check('log key', () => {
    logKey = parseVerifierKey(crypto.hash, bundle.logKey);
    const known = knownLogs(trust);
    if (known !== undefined && !known.some((key) => isSameKey(key, logKey!))) throw new Malformed(`the file is of the log ${bundle.logKey}, which is not one that you know`);
    return known === undefined ? undefined : `${bundle.logKey}, as you know it${trust.history === undefined || (trust.logKey !== undefined && isSameKey(trust.logKey, logKey)) ? '' : ' by the history of its keys'}`;
  });
  if (!keyed || logKey === undefined) return verdict();
  const log = logKey;
  if (knownLogs(trust) === undefined) checks.push({ name: 'log key', holds: null, detail: `${bundle.logKey} is the one in the file: compare it with the one that you know, or give that (--log-key, or a policy's log line)` });
  const opened = check('checkpoint', () => {
    const witnesses = bundle.witnessKeys.map((key) => parseVerifierKey(crypto.hash, key));
    const note = parseNote(bundle.checkpoint);
    const { witnessedBy, ...checkpoint } = openCheckpoint(note, log, notesBy(crypto.verify), witnesses);
    const stray = note.signatures.find(({ name, keyId }) => ![log, ...witnesses].some((key) => key.name === name && key.keyId === keyId));
    if (stray !== undefined) throw new Malformed(`the checkpoint is signed by ${stray.name} (${stray.keyId}), whose key the file does not hold`);
    if (witnessedBy.length < witnesses.length) throw new Malformed('the file holds the key of a witness that has not cosigned');
    state.cosignedBy = witnessedBy.map((key) => ({ key, own: [log, ...(trust.history?.keys.map((dated) => dated.key) ?? [])].some((own) => isOperatorsOwn(key, own)) }));
    state.checkpoint = checkpoint;
    return `${checkpoint.size} entries, root ${toHex(checkpoint.root)}, signed by ${log.name}${witnessedBy.map(({ name }) => `, cosigned by ${name}`).join('')}`;
  });
  if (!opened || state.checkpoint === undefined) return verdict();
  const { checkpoint } = state;
  if (trust.history !== undefined) check('key history', () => keyInTime(trust.history!, log, checkpoint));

  for (const [n, entry] of bundle.entries.entries()) {
    check(`entry ${entry.index}`, () => {
      const open = openEntry(crypto, entry, checkpoint, fieldTexts[n]);
      (open.id === bundle.record ? state.entries : state.others).push(open);
      return `${open.type} of ${new Date(open.timeMs).toISOString()}, number ${open.index} of ${checkpoint.size}${bodySaid(open)}${open.hidden.length === 0 ? '' : `; erased of it: ${open.hidden.join(', ')} (their commitments hold)`}`;
    });
  }
  for (const tree of bundle.earlier) {
    check(`state at ${tree.size}`, () => {
      const proof = tree.proof.map((hash) => bytesOf(hash, 'the proof of consistency'));
      const holds = verifyConsistency(crypto.hash, { oldSize: tree.size, oldRoot: bytesOf(tree.root, 'the earlier root'), size: checkpoint.size, root: checkpoint.root, proof });
      if (!holds) throw new Malformed(`the log of ${checkpoint.size} entries does not begin with that of ${tree.size}`);
      return `the first ${tree.size} entries, unchanged`;
    });
  }
  check('record', () => oneRecord(bundle, state.entries, state.others));
  const own = state.entries.flatMap(({ fields, ...entry }) => (fields === null ? [] : [{ ...entry, fields }]));
  if (own.length < state.entries.length) checks.push({ name: 'disclosed', holds: null, detail: 'the body is not in the file, so nothing that it says could be checked' });
  else if (own.length > 0) {
    const claims: Claims = { crypto, own, others: state.others };
    for (const [name, claim] of Object.entries({ policy: policyClaim, offers: offersClaim, price: priceClaim, charge: chargeClaim, receipt: receiptClaim })) check(name, () => claim(claims));
  }
  check('anchor', () => ((state.anchor = anchorOf(bundle, state.entries, state.others)), state.anchor && `${state.anchor.payer} put the root of ${state.anchor.size} entries on the chain in ${state.anchor.tx}, by entry and proof; the chain itself was not asked`));
  if (trust.policy?.needsWitness) {
    check('witnesses', () => {
      const counted = state.cosignedBy.filter(({ own: isOwn }) => !isOwn).map(({ key }) => key);
      if (!trust.policy!.isMetBy(counted)) throw new Malformed('too few of the witnesses that you trust have cosigned (the operator\'s own count for none)');
      return 'the quorum of your policy has cosigned';
    });
  }
  if (trust.last !== undefined) check('your last checkpoint', () => continues(bundle, checkpoint, trust.last!));
  return verdict();
}

function bodySaid({ fields, withheld }: OpenEntry): string {
  if (fields === null) return '';
  if (withheld === 0) return ', with its body';
  return `; shown of its body: ${Object.keys(fields).sort().join(', ') || 'nothing'}; hidden: ${withheld} field${withheld === 1 ? '' : 's'} (the commitment to all of them holds)`;
}

/** What a file can make the checks throw; anything else is a defect here, or an answer of slow crypto that is waited for. */
const isBadInput = (error: unknown): error is Error => error instanceof Malformed || error instanceof DomainError || error instanceof RangeError || error instanceof TypeError || error instanceof SyntaxError;

const supporting = ['policy.published', 'price.set', 'node.enrolled', 'offers.seen', 'epoch.settled'];

/** Types of entries that nobody but the operator makes. */
const operatorsOwn = ['price.set', 'node.enrolled', 'offers.seen'];

function oneRecord({ record, entries }: Bundle, own: readonly OpenEntry[], others: readonly OpenEntry[]): string {
  const first = own[0];
  if (first === undefined) throw new Malformed(`the file holds no entry of record ${record}`);
  const stranger = own.find(({ tenant }) => tenant !== first.tenant);
  if (stranger !== undefined) throw new Malformed(`entry ${stranger.index} (${stranger.type}) is of another organisation than entry ${first.index}`);
  for (const { index, type, tenant } of others) {
    if (operatorsOwn.includes(type) && tenant !== 'operator') throw new Malformed(`entry ${index} (${type}) is not the operator's own`);
    if (type === 'policy.published' && tenant !== first.tenant) throw new Malformed(`entry ${index} (${type}) is of another organisation than the record`);
  }
  if (entries.some(({ index }, at) => at > 0 && index <= entries[at - 1]!.index)) throw new Malformed('the entries are not in the order of the log');
  return `${record}: ${own.map(({ type }) => type).join(', ')}`;
}

/** Error: `Malformed` when the entry of an anchor does not agree with the state that the file proves. */
function anchorOf({ earlier }: Bundle, own: readonly OpenEntry[], others: readonly OpenEntry[]): NamedAnchor | undefined {
  const odd = others.find(({ type }) => !supporting.includes(type));
  if (odd !== undefined) throw new Malformed(`entry ${odd.index} (${odd.type}) has nothing to do with the record`);
  const settled = others.find(({ type }) => type === 'epoch.settled');
  if (settled === undefined || settled.fields === null) return undefined;
  needShown(settled, 'auditSize', 'auditRoot', 'payer', 'epoch', 'tx', 'chainId', 'escrow');
  const { fields } = settled;
  const [size, root] = [Number(fields['auditSize']), said(fields['auditRoot']).replace(/^0x/, '')];
  const tree = earlier.find((one) => one.size === size);
  if (tree === undefined || !equalBytes(bytesOf(tree.root, 'the earlier root'), fromHex(root))) throw new Malformed('the anchored root is not one of the states that the file proves');
  if (own.some(({ index }) => index >= size)) throw new Malformed('the anchor does not cover the record');
  return { chainId: fields['chainId'] as number | undefined, escrow: fields['escrow'] as string | undefined, payer: said(fields['payer']), epoch: Number(fields['epoch']), tx: said(fields['tx']), size, root };
}

function keyInTime(history: KeyHistory, log: VerifierKey, checkpoint: Checkpoint): string {
  const dated = datedKeyOf(history, log)!;
  requireOfTheLog(history, dated, checkpoint);
  const said = dated.untilSize === undefined ? `${log.keyId} is the log's key now` : `${log.keyId} was the log's key up to ${dated.untilSize} entries`;
  return `${said}, by ${history.keys.length - 1} change${history.keys.length === 2 ? '' : 's'} that both keys signed and the log holds`;
}

function continues({ earlier }: Bundle, checkpoint: Checkpoint, last: Checkpoint): string {
  const known = [...earlier.map(({ size, root }) => ({ size, root: bytesOf(root, 'the earlier root') })), checkpoint].find(({ size }) => size === last.size);
  if (last.origin !== checkpoint.origin) throw new Malformed(`your checkpoint is of ${last.origin}`);
  if (known === undefined) throw new Malformed(`the file does not prove the state of ${last.size} entries that you have seen: fetch it with since=${last.size}`);
  if (!equalBytes(known.root, last.root)) throw new Malformed(`the log had another root at ${last.size} entries when you saw it: it was rewritten, or there are two`);
  return `the log continues the ${last.size} entries that you saw`;
}
