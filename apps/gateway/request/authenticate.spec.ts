import { createHmac } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { isDomainError } from '#kernel';
import { ExampleWorld, ManualClock, tenant, uuidOf } from '../examples.js';
import { Authenticator } from './authenticate.js';

const pepper = 'a pepper of the deployment';
const key = 'mzn_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';
const hashOf = (text: string): string => createHmac('sha256', pepper).update(text).digest('hex');

describe('authentication', () => {
  let world: ExampleWorld;
  let clock: ManualClock;
  let authenticator: Authenticator;
  const stored = (changes = {}) => ({ hash: hashOf(key), keyId: uuidOf(4), tenant: tenant.tenant, project: uuidOf(3), role: 'developer' as const, expiresAtMs: null, ...changes });

  beforeEach(() => {
    world = new ExampleWorld();
    clock = new ManualClock();
    authenticator = new Authenticator(world.replicated, pepper, clock);
    world.keys.put(hashOf(key), stored());
  });

  const codeOf = (authorization: string | undefined): string => {
    try {
      authenticator.authenticate(authorization);
      return 'OK';
    } catch (error) {
      if (!isDomainError(error)) throw error;
      expect(JSON.stringify([error.message, error.details])).not.toContain('0123456789');
      return error.code;
    }
  };

  it('gives the principal that a key stands for', () => {
    expect(authenticator.authenticate(`Bearer ${key}`)).toEqual({ keyId: uuidOf(4), tenant: tenant.tenant, project: uuidOf(3), role: 'developer' });
  });

  it('gives a secret that is the same however the header is written, another for each key and purpose, and nothing of the key', () => {
    const secret = authenticator.secretFor('a', `Bearer ${key}`);
    expect([`bearer ${key}`, `BEARER    ${key}`].map((header) => authenticator.secretFor('a', header))).toEqual([secret, secret]);
    expect(secret).not.toContain(key.slice(4, 12));
    expect([authenticator.secretFor('b', `Bearer ${key}`), authenticator.secretFor('a', `Bearer ${key}x`)]).not.toContain(secret);
    expect(() => authenticator.secretFor('a', 'Basic a')).toThrow(expect.objectContaining({ code: 'API_KEY_INVALID' }));
  });

  it('refuses a missing, malformed, unknown or slightly changed key and shows nothing of it', () => {
    expect(codeOf(undefined)).toBe('API_KEY_MISSING');
    for (const wrong of ['', 'Bearer', `Basic ${key}`, `Bearer ${key}x`, `Bearer ${key.slice(0, -1)}`, 'Bearer sk-0123456789012345678901234567890', `Bearer mzn_${'a'.repeat(100_000)}`, "Bearer mzn_' OR 1=1 --0123456789"]) {
      expect(codeOf(wrong)).toMatch(/^API_KEY_(INVALID|MISSING)$/);
    }
  });

  it('refuses a key as soon as it is gone from the replica', () => {
    world.keys.put(hashOf(key), undefined);
    expect(codeOf(`Bearer ${key}`)).toBe('API_KEY_INVALID');
  });

  it('refuses a key from the moment it expires', () => {
    world.keys.put(hashOf(key), stored({ expiresAtMs: clock.ms + 1 }));
    expect(codeOf(`Bearer ${key}`)).toBe('OK');
    clock.ms += 1;
    expect(codeOf(`Bearer ${key}`)).toBe('API_KEY_INVALID');
  });

  it('conformance 50: looks keys up by their keyed hash and does not trust an entry that stands under another hash', () => {
    world.keys.put(hashOf(key), stored({ hash: hashOf('mzn_another') }));
    expect(codeOf(`Bearer ${key}`)).toBe('API_KEY_INVALID');
  });
});
