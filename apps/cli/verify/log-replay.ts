import { equalBytes, leafHash, RightEdge, sha256, toHex } from '#merkle';
import type { Json } from '#kernel';
import { commitmentRoot, commitmentVersion, operatorSecret, parseEnvelope } from '#protocol';
import type { Envelope } from '#protocol';
import { nodeName } from './log-rows.js';
import type { LogPage, LogRow } from './log-rows.js';

export interface WrongEntry {
  readonly index: number;
  readonly message: string;
}

/** Levels of the tree in one level of tiles: the hash over each full tile is stored. */
const tileHeight = 8;

/** Builds the tree of a log again from its entries, page by page, and remembers the roots asked for. */
export class LogReplay {
  private readonly edge = RightEdge.empty(sha256);
  private readonly roots = new Map<number, string>();
  private readonly wanted: ReadonlySet<number>;

  constructor(
    sizes: readonly number[],
    private readonly pseudonyms: ReadonlyMap<string, string>,
  ) {
    this.wanted = new Set(sizes);
    this.remember();
  }

  get size(): number {
    return this.edge.size;
  }

  /** Hex root of the first `size` entries, if that size was asked for and is reached. */
  rootAt(size: number): string | undefined {
    return this.roots.get(size);
  }

  /** The first entry of the page that is not what it was; the rest is not looked at then. */
  take({ rows, nodes }: LogPage): WrongEntry | undefined {
    for (const row of rows) {
      const message = this.append(row, nodes);
      if (message !== undefined) return { index: Math.min(row.index, this.size), message };
    }
    return undefined;
  }

  private append(row: LogRow, nodes: LogPage['nodes']): string | undefined {
    if (row.index !== this.size) return `entry ${this.size} is missing`;
    const leaf = leafHash(sha256, row.envelope);
    if (!equalBytes(leaf, row.leafHash)) return `the bytes of entry ${row.index} do not give its leaf hash`;
    const wrong = misdescribed(row, this.pseudonyms);
    if (wrong !== undefined) return `entry ${row.index} ${wrong}`;
    for (const { level, index, hash } of this.edge.append(leaf)) {
      const stored = nodes.get(nodeName(level, index));
      if (level > 0 && level % tileHeight === 0 && !(stored && equalBytes(stored, hash))) {
        return `the stored tile of entries ${index * 2 ** level} to ${row.index} is ${stored ? 'not theirs: one of them was changed' : 'missing'}`;
      }
    }
    this.remember();
    return undefined;
  }

  private remember(): void {
    if (this.wanted.has(this.size)) this.roots.set(this.size, toHex(this.edge.root()));
  }
}

/** Whether what stands beside an entry say what its bytes say. */
function misdescribed(row: LogRow, pseudonyms: ReadonlyMap<string, string>): string | undefined {
  let envelope: Envelope;
  try {
    envelope = parseEnvelope(row.envelope);
  } catch {
    return 'is no envelope';
  }
  const { beside } = row;
  if (beside === undefined) return `is of record ${envelope.id} (${envelope.type}), under which it is not found`;
  if (envelope.id !== beside.id || envelope.type !== beside.type) return `is of record ${envelope.id} (${envelope.type}) and stands as ${beside.id} (${beside.type})`;
  const pseudonym = beside.tenant === null ? 'operator' : pseudonyms.get(beside.tenant);
  if (envelope.tenant !== pseudonym) return 'stands under another organisation than its own';
  if (row.fields && commitmentRoot(commitmentVersion(envelope), operatorSecret, row.fields as Record<string, Json>) !== envelope.root) return 'has public fields that it does not commit to';
  return undefined;
}
