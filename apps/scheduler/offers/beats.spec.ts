import { describe, expect, it } from '@jest/globals';
import { Beats, beatingNode } from './beats.js';

const node = '0190f5c8-6a00-7000-8000-000000000001';
const said = (fields: Record<string, unknown>): Buffer => Buffer.from(JSON.stringify({ v: 1, node, inFlight: 0, capacity: 1, sentAtMs: 1, ...fields }));

describe('heartbeats', () => {
  it('count for the node whose subject they came on, and no other', () => {
    expect(beatingNode(`node.${node}.up.heartbeat`, said({}))).toBe(node);
    expect(beatingNode('node.other.up.heartbeat', said({}))).toBeUndefined();
    expect(beatingNode(`node.${node}.up.heartbeat`, Buffer.from('{'))).toBeUndefined();
    expect(beatingNode(`node.${node}.up.heartbeat`, said({ v: 2 }))).toBeUndefined();
  });

  it('make haste after silence and are written down once', () => {
    const beats = new Beats(3_000);
    expect(beats.note(node, 1_000)).toBe(true);
    expect(beats.note(node, 2_000)).toBe(false);
    expect(beats.take()).toEqual([{ node, atMs: 2_000 }]);
    expect(beats.take()).toEqual([]);
    expect(beats.note(node, 5_000)).toBe(false);
    expect(beats.note(node, 8_001)).toBe(true);
  });
});
