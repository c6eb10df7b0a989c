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

  it('is wrong where a line has an address among other things: a table is not taken for a list of nobody', () => {
    expect(() => addressesIn(`${listed}\nETH,${clear}\n`)).toThrow('line 2 has an address among other things');
    expect(() => addressesIn(`"${listed}"\n`)).toThrow('line 1 has an address among other things');
    expect(addressesIn(`SUI,${clear}${'0'.repeat(24)}\n${listed} # before ${clear}\n`)).toEqual(new Set([listed]));
  });

  it.each(['', '# nobody\n', '1BoatSLRHtKNngkdXEeobR76b53LETtpyT\n'])('is none without one address: %j', (text) => {
    expect(() => addressesIn(text)).toThrow('not one address');
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
    for (const text of ['# nobody\n', `ETH,${clear}\n`]) {
      writeFileSync(path, text);
      expect([...(await source.listed([clear, listed]))]).toEqual([clear, listed]);
    }
    expect(source.state()).toMatchObject({ entries: 2 });
    writeFileSync(path, `# one left\n${clear}\n`);
    expect([...(await source.listed([clear, listed]))]).toEqual([clear]);
  });

  it('that cannot be read at the start, or has nobody in it, starts nothing', () => {
    for (const path of [join(directory, 'nowhere'), '/dev/null']) expect(() => new ListSource(path, () => 0)).toThrow(`SETTLEMENT_SCREENING_LIST: ${path}`);
  });
});
