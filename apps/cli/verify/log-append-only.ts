import { toHex } from '#merkle';
import type { Anchor, ChainView } from './chain-view.js';
import { counted } from './finding.js';
import type { Finding, Invariant } from './finding.js';
import { broken, unsettled } from './problem.js';
import type { Problem } from './problem.js';
import { LogReplay } from './log-replay.js';
import { besideCount, eachLogPage, logHead, pseudonyms } from './log-rows.js';
import type { SignedHead } from './signed-head.js';
import type { Query } from './sources.js';

/**
 * The log is what it always was: every entry's bytes give its leaf, the leaves give the stored nodes and the head, and
 * every root that was ever signed or anchored on chain is the root of a prefix.
 */
export const logAppendOnly: Invariant = {
  name: 'log-append-only',
  check: async ({ snapshot, chain, signedHead }) => {
    const signed = await signedHead?.().catch((error: unknown) => error as Error);
    const anchors = chain ? await ownAnchors(snapshot, chain) : [];
    return snapshot(async (query): Promise<Finding> => {
      const head = await logHead(query);
      const replay = new LogReplay([...anchors.map(({ size }) => size), ...(signed && !(signed instanceof Error) ? [signed.size] : []), head.size], await pseudonyms(query));
      const wrong = await eachLogPage(query, (page) => replay.take(page));
      const problems = wrong ? [broken(`entry ${wrong.index}`, wrong.message)] : [...headProblems(replay, head, await besideCount(query)), ...anchorProblems(replay, anchors), ...signedProblems(replay, signed)];
      return { problems, looked: lookedAt(head.size, anchors.length, signed, chain) };
    });
  },
};

/** The anchors of this deployment's payers. Others may use the same contract. */
async function ownAnchors(snapshot: <T>(look: (query: Query) => Promise<T>) => Promise<T>, chain: ChainView): Promise<Anchor[]> {
  const { payers, fromBlock } = await snapshot(async (query) => {
    const rows = await query<{ address: string }>('SELECT lower(address) AS address FROM settlement.payers UNION SELECT lower(payer) FROM settlement.operator_anchors');
    const [first] = await query<{ block: string | null }>('SELECT min(block_number) AS block FROM settlement.chain_events');
    return { payers: new Set(rows.map(({ address }) => address)), fromBlock: Number(first?.block ?? 0) };
  });
  return (await chain.anchors(fromBlock)).filter(({ payer }) => payers.has(payer));
}

function headProblems(replay: LogReplay, head: { size: number; root: Uint8Array }, beside: number): Problem[] {
  if (replay.size !== head.size) return [broken('size', `the head counts ${head.size} entries and there are ${replay.size}: entry ${Math.min(head.size, replay.size)} is the first in question`)];
  if (replay.rootAt(head.size) !== toHex(head.root)) return [broken('root', `the entries do not give the root of the head at size ${head.size}`)];
  if (beside !== head.size) return [broken('rows', `${beside} rows stand beside the ${head.size} entries of the log`)];
  return [];
}

/** A history rewritten as a whole is caught here, and only to within two anchors. */
function anchorProblems(replay: LogReplay, anchors: readonly Anchor[]): Problem[] {
  let good = 0;
  for (const { size, root, tx } of [...anchors].sort((a, b) => a.size - b.size)) {
    if (size > replay.size) return [broken(`anchor ${tx}`, `${tx} anchors ${size} entries and the log has ${replay.size}: entry ${replay.size} is missing`)];
    if (replay.rootAt(size) !== root) return [broken(`anchor ${tx}`, `the root anchored in ${tx} is not that of the first ${size} entries: the first wrong one is between ${good} and ${size - 1}`)];
    good = size;
  }
  return [];
}

function signedProblems(replay: LogReplay, signed: SignedHead | Error | undefined): Problem[] {
  if (!signed) return [];
  if (signed instanceof Error) return [unsettled('checkpoint', `the signed checkpoint could not be opened: ${signed.message}`)];
  if (signed.size > replay.size) return [broken('checkpoint', `a checkpoint of ${signed.size} entries is signed and the log has ${replay.size}`)];
  return replay.rootAt(signed.size) === toHex(signed.root) ? [] : [broken('checkpoint', `the signed checkpoint is not of the first ${signed.size} entries`)];
}

function lookedAt(size: number, anchors: number, signed: SignedHead | Error | undefined, chain: ChainView | undefined): string {
  const checkpoint = signed && !(signed instanceof Error) ? `checkpoint signed by ${signed.logKey.split('+').slice(0, 2).join('+')}` : 'no checkpoint was asked for';
  return `${counted(size, 'entry').replace(/entrys$/, 'entries')} recomputed, ${checkpoint}, ${chain ? counted(anchors, 'anchor') : 'no chain was given'}`;
}
