import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { addressesIn, ListSource } from './list-source.js';

const listed = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const clear = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC';

describe('a list of addresses', () => {
  let directory: string;
  beforeAll(() => {
    Logger.overrideLogger(false);
    directory = mkdtempSync(join(tmpdir(), 'mizan-list-'));
  });
  afterAll(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  it('has an address a line in any spelling, remarks, and lines of other chains, which count for nothing', () => {
    expect(addressesIn(`# OFAC SDN, 2026-11-01\r\n\n  ${listed.toLowerCase()}  # Somebody\r\n1BoatSLRHtKNngkdXEeobR76b53LETtpyT\n${listed}\n`)).toEqual(new Set([listed]));
  });

  it('is wrong where a line begins as an address and is none: a list that is cut off is no list', () => {
    expect(() => addressesIn(`${listed}\n${clear.slice(0, 30)}\n`)).toThrow('line 2 is no address');
  });

  it('is read again when it changes, and stays as it was while it cannot be', async () => {
    const path = join(directory, 'list.txt');
    writeFileSync(path, `${listed}\n`);
    const source = new ListSource(path, () => 7);
    expect([...(await source.listed([clear, listed]))]).toEqual([listed]);
    expect(source.state()).toEqual({ kind: 'list', name: path, entries: 1, loadedAtMs: 7 });
    writeFileSync(path, `${listed}\n${clear}\n`);
    expect([...(await source.listed([clear, listed]))]).toEqual([clear, listed]);
    writeFileSync(path, `${listed}\n0x12\n# and more\n`);
    expect([...(await source.listed([clear, listed]))]).toEqual([clear, listed]);
    rmSync(path);
    expect([...(await source.listed([clear, listed]))]).toEqual([clear, listed]);
    writeFileSync(path, '# nobody\n');
    expect([...(await source.listed([clear, listed]))]).toEqual([]);
  });

  it('that cannot be read at the start starts nothing', () => {
    expect(() => new ListSource(join(directory, 'nowhere'), () => 0)).toThrow('SETTLEMENT_SCREENING_LIST');
  });
});
