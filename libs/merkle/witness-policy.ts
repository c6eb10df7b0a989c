import type { Hash } from './hash.js';
import { Malformed } from './malformed.js';
import { parseVerifierKey, SignatureType } from './verifier-key.js';
import type { VerifierKey } from './verifier-key.js';

/** C2SP tlog-policy: which logs a reader knows, which witnesses it trusts, and how many of them it takes. */
export interface WitnessPolicy {
  readonly logs: readonly VerifierKey[];
  readonly witnesses: readonly VerifierKey[];
  /** Whether these keys, which have cosigned, are enough. Always, when the policy's quorum is `none`. */
  readonly isMetBy: (cosigned: readonly VerifierKey[]) => boolean;
  /** False: the policy asks for no witness. */
  readonly needsWitness: boolean;
}

interface Member {
  readonly met: (names: ReadonlySet<string>) => boolean;
}

/** Reads `log`, `witness`, `group` and `quorum` lines. Error: `Malformed`, naming the line. */
export function parseWitnessPolicy(hash: Hash, text: string): WitnessPolicy {
  const logs: VerifierKey[] = [];
  const witnesses = new Map<string, VerifierKey>();
  const members = new Map<string, Member>();
  let quorum: string | undefined;
  for (const line of text.split('\n').map((one) => one.trim()).filter((one) => one !== '' && !one.startsWith('#'))) {
    const wrong = (what: string): Malformed => new Malformed(`policy line "${line}": ${what}`);
    const [word, ...rest] = line.split(/[ \t]+/);
    const define = (name: string | undefined, member: Member): void => {
      if (name === undefined || name === 'none' || members.has(name)) throw wrong('the name is missing, taken or "none"');
      members.set(name, member);
    };
    if (word === 'log' && rest.length >= 1) logs.push(parseVerifierKey(hash, rest[0]!));
    else if (word === 'witness' && rest.length >= 2) {
      const key = parseVerifierKey(hash, rest[1]!);
      if (key.type !== SignatureType.cosignature) throw wrong('the key is not one of a witness');
      define(rest[0], { met: (names) => names.has(key.name) });
      witnesses.set(rest[0]!, key);
    } else if (word === 'group' && rest.length >= 3) {
      const parts = rest.slice(2).map((name) => {
        const part = members.get(name);
        if (part === undefined) throw wrong(`"${name}" is not defined before it`);
        return part;
      });
      const count = rest[1] === 'any' ? 1 : rest[1] === 'all' ? parts.length : /^[1-9]\d*$/.test(rest[1]!) ? Number(rest[1]) : Number.NaN;
      if (!(count <= parts.length)) throw wrong('the second word is a number of the members, "any" or "all"');
      define(rest[0], { met: (names) => parts.filter((part) => part.met(names)).length >= count });
    } else if (word === 'quorum' && rest.length === 1 && quorum === undefined) quorum = rest[0]!;
    else throw wrong('it reads neither log, witness, group nor (once) quorum');
  }
  const needed = quorum === 'none' ? undefined : members.get(quorum ?? '');
  if (quorum !== 'none' && needed === undefined) throw new Malformed('the policy names no quorum');
  const names = (cosigned: readonly VerifierKey[]): Set<string> => new Set([...witnesses.values()].filter((key) => cosigned.some(({ name, keyId }) => name === key.name && keyId === key.keyId)).map(({ name }) => name));
  return { logs, witnesses: [...witnesses.values()], isMetBy: (cosigned) => needed?.met(names(cosigned)) ?? true, needsWitness: needed !== undefined };
}

/**
 * Whether a witness is the log's own operator: it signs with the log's key, or its name begins with the log's domain, one below it or one
 * above it, whatever the port. Its cosignature is the operator's word once more, and counts as none.
 */
export function isOperatorsOwn(witness: VerifierKey, log: VerifierKey): boolean {
  const [own, other] = [domainOf(log.name), domainOf(witness.name)];
  return own === other || own.endsWith(`.${other}`) || other.endsWith(`.${own}`) || witness.publicKey.every((byte, at) => byte === log.publicKey[at]);
}

/** First part of a name, without a port or the dot of the root. */
const domainOf = (name: string): string => name.split('/')[0]!.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
