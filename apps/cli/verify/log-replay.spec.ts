import { describe, expect, it } from '@jest/globals';
import { leafHash, RightEdge, sha256, toHex } from '#merkle';
import { operatorRecord } from '#protocol';
import { LogReplay } from './log-replay.js';
import { nodeName } from './log-rows.js';
import type { LogPage, LogRow } from './log-rows.js';

const timeMs = Date.UTC(2026, 0, 1);
const idOf = (index: number): string => `018f0000-0000-7000-8000-${String(index).padStart(12, '0')}`;

/** A log of the deployment's own entries, with the hash over every full tile. */
function log(size: number): { rows: LogRow[]; nodes: Map<string, Uint8Array>; edge: RightEdge } {
  const rows: LogRow[] = [];
  const nodes = new Map<string, Uint8Array>();
  const edge = RightEdge.empty(sha256);
  for (let index = 0; index < size; index++) {
    const fields = { number: index };
    const record = operatorRecord({ id: idOf(index), type: 'price.set', timeMs, fields, facts: null });
    const envelope = Buffer.from(record.envelope, 'base64');
    const leaf = leafHash(sha256, envelope);
    rows.push({ index, beside: { id: record.id, type: record.type, tenant: null }, envelope, leafHash: leaf, fields });
    for (const node of edge.append(leaf)) if (node.level === 8 || node.level === 16) nodes.set(nodeName(node.level, node.index), node.hash);
  }
  return { rows, nodes, edge };
}

const replayOf = ({ rows, nodes }: LogPage, sizes: readonly number[] = [rows.length]) => {
  const replay = new LogReplay(sizes, new Map());
  return { replay, wrong: replay.take({ rows, nodes }) };
};

describe('replaying a log', () => {
  it.each([0, 1, 2, 7, 8, 100])('gives the root of %d entries, and of every prefix asked for', (size) => {
    const { rows, nodes, edge } = log(size);
    const { replay, wrong } = replayOf({ rows, nodes }, Array.from({ length: size + 1 }, (_, prefix) => prefix));
    expect(wrong).toBeUndefined();
    expect(replay.rootAt(size)).toBe(toHex(edge.root()));
    for (let prefix = 0; prefix <= size; prefix++) expect(replay.rootAt(prefix)).toBe(toHex(log(prefix).edge.root()));
  });

  it('names the entry of which one byte was changed', () => {
    const { rows, nodes } = log(10);
    const envelope = Uint8Array.from(rows[6]!.envelope);
    envelope[20]! ^= 1;
    rows[6] = { ...rows[6]!, envelope };
    expect(replayOf({ rows, nodes }).wrong).toEqual({ index: 6, message: 'the bytes of entry 6 do not give its leaf hash' });
  });

  it('names the tile when an entry was changed together with its leaf hash', () => {
    const { rows, nodes } = log(300);
    const other = operatorRecord({ id: idOf(4), type: 'price.set', timeMs, fields: { number: 99 }, facts: null });
    const envelope = Buffer.from(other.envelope, 'base64');
    rows[4] = { ...rows[4]!, envelope, leafHash: leafHash(sha256, envelope), fields: { number: 99 } };
    expect(replayOf({ rows, nodes }).wrong).toEqual({ index: 255, message: 'the stored tile of entries 0 to 255 is not theirs: one of them was changed' });
  });

  it('names the entry that is missing', () => {
    const { rows, nodes } = log(10);
    rows.splice(3, 1);
    expect(replayOf({ rows, nodes }).wrong).toEqual({ index: 3, message: 'entry 3 is missing' });
  });

  it('names a missing tile', () => {
    const { rows, nodes } = log(600);
    nodes.delete(nodeName(8, 1));
    expect(replayOf({ rows, nodes }).wrong).toMatchObject({ index: 511, message: 'the stored tile of entries 256 to 511 is missing' });
  });

  it.each([
    ['the record', { beside: { id: idOf(77), type: 'price.set', tenant: null } }, 'is of record'],
    ['the row', { beside: undefined }, 'under which it is not found'],
    ['the type', { beside: { id: idOf(2), type: 'budget.set', tenant: null } }, 'is of record'],
    ['the organisation', { beside: { id: idOf(2), type: 'price.set', tenant: idOf(5) } }, 'under another organisation'],
    ['the public fields', { fields: { number: 8 } }, 'does not commit to'],
  ])('sees that %s beside an entry is not its own', (_, change, message) => {
    const { rows, nodes } = log(5);
    rows[2] = { ...rows[2]!, ...change };
    const { wrong } = replayOf({ rows, nodes });
    expect(wrong?.index).toBe(2);
    expect(wrong?.message).toContain(message);
  });
});
