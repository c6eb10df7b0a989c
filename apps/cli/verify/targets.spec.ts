import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { targetsOf } from './targets.js';

const directory = mkdtempSync(join(tmpdir(), 'mizan-cli-'));
const file = (name: string, text: string): string => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};
const run = file(
  'run.json',
  JSON.stringify({ api: 'http://a', adminKey: 'k', verifyDatabaseUrl: 'postgres://v', natsUrl: 'nats://n', natsCreds: { verify: '/creds' }, rpcUrl: 'http://r', chainId: 31_337, contracts: { escrow: '0xe' }, more: 1 }),
);

describe('where a verifier looks', () => {
  it('is all in the run file of a local stack', () => {
    expect(targetsOf({}, run)).toEqual({
      databaseUrl: 'postgres://v',
      nats: { url: 'nats://n', creds: '/creds' },
      chain: { rpcUrl: 'http://r', chainId: 31_337n, escrow: '0xe' },
      api: { url: 'http://a', key: 'k' },
    });
  });

  it('is what the options say, before the run file', () => {
    expect(targetsOf({ database: 'postgres://w', rpc: 'http://s', chainId: '1' }, run)).toMatchObject({ databaseUrl: 'postgres://w', chain: { rpcUrl: 'http://s', chainId: 1n, escrow: '0xe' } });
  });

  it('may be the database alone', () => {
    expect(targetsOf({ database: 'postgres://w' }, join(directory, 'none.json'))).toEqual({ databaseUrl: 'postgres://w', nats: undefined, chain: undefined, api: undefined });
  });

  it('is asked for when nothing names a database, and when a named file cannot be read', () => {
    expect(() => targetsOf({}, join(directory, 'none.json'))).toThrow('no database is given');
    expect(() => targetsOf({ run: join(directory, 'none.json') }, run)).toThrow('cannot be read');
    expect(() => targetsOf({ run: file('bad.json', '{') }, run)).toThrow('cannot be read');
  });
});
