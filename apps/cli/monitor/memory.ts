import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { fromHex, parseVerifierKey, RightEdge, sha256, toHex } from '#merkle';
import { replaceFile } from '../durable-file.js';

/** What a monitor knows of a log: a tree that it has computed itself, from entries. */
export interface Memory {
  /** Verifier key of the log. */
  readonly logKey: string;
  /** The last checkpoint that was found right, as a signed note; none before the first. */
  readonly note: string | undefined;
  readonly edge: RightEdge;
  /** The first block of the chain that was not looked at for anchors. */
  readonly nextBlock: number;
  /** When an anchor was made last, in Unix milliseconds; undefined: the chain was not looked at. */
  readonly anchoredMs: number | undefined;
}

const memoryFile = z.object({
  format: z.literal('mizan-monitor/1'),
  logKey: z.string(),
  note: z.string(),
  size: z.int().nonnegative(),
  edge: z.array(z.string().regex(/^[0-9a-f]{64}$/)),
  nextBlock: z.int().nonnegative(),
  anchoredMs: z.int().optional(),
});

export const newMemory = (logKey: string): Memory => ({ logKey, note: undefined, edge: RightEdge.empty(sha256), nextBlock: 0, anchoredMs: undefined });

/**
 * A new memory when there is no file. `formerKey`: the log had this key before, by its reader's word; what was remembered under it is gone on with, so that the log must continue it.
 * Error: the file is none, or of another log.
 */
export function readMemory(path: string, logKey: string, formerKey?: string): Memory {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return newMemory(logKey);
    throw error;
  }
  const { success, data } = memoryFile.safeParse(jsonIn(text));
  if (!success) throw new Error(`${path} is not the memory of a monitor`);
  const isFormer = formerKey !== undefined && data.logKey === formerKey && nameOf(formerKey) === nameOf(logKey);
  if (data.logKey !== logKey && !isFormer) throw new Error(`${path} is the memory of another log: ${data.logKey}`);
  const subtrees = RightEdge.subtreesAt(data.size);
  if (subtrees.length !== data.edge.length) throw new Error(`${path} is not the memory of a monitor`);
  const hashes = new Map(subtrees.map(({ level, index }, at) => [`${level}/${index}`, fromHex(data.edge[at]!)]));
  return { logKey, note: data.note, edge: RightEdge.restore(sha256, data.size, (level, index) => hashes.get(`${level}/${index}`)!), nextBlock: data.nextBlock, anchoredMs: data.anchoredMs };
}

/** Under which key a log was seen last; undefined when nothing was. */
export function rememberedKey(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  const { success, data } = memoryFile.safeParse(jsonIn(readFileSync(path, 'utf8')));
  return success ? data.logKey : undefined;
}

/** Durable when it resolves. */
export async function writeMemory(path: string, { logKey, note, edge, nextBlock, anchoredMs }: Memory): Promise<void> {
  if (note === undefined) return;
  const file: z.input<typeof memoryFile> = { format: 'mizan-monitor/1', logKey, note, size: edge.size, edge: edge.hashes().map(toHex), nextBlock, anchoredMs };
  await replaceFile(path, `${JSON.stringify(file)}\n`);
}

const nameOf = (key: string): string => parseVerifierKey(sha256, key).name;

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
