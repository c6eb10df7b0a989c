import { describe, expect, it } from '@jest/globals';
import { isAffected, isLoopback } from '#protocol';
import { exposureRefusal, parseNatsVersion } from './nats-version.js';

describe('the version of a nats-server', () => {
  it('is read from what the program prints', () => {
    expect(parseNatsVersion('nats-server: v2.9.10\n')).toBe('2.9.10');
    expect(parseNatsVersion('command not found')).toBeUndefined();
  });

  it.each([
    ['2.9.10', true],
    ['2.9.28', true],
    ['2.10.26', true],
    ['2.10.27', false],
    ['2.11.0', true],
    ['2.11.1', false],
    ['2.12.0', false],
    ['3.0.0', false],
    ['1.4.1', true],
  ])('%s is affected by CVE-2025-30215: %s', (version, affected) => {
    expect(isAffected(version)).toBe(affected);
  });

  it('refuses an affected server beyond loopback only', () => {
    expect(exposureRefusal('2.9.10', '127.0.0.1')).toBeUndefined();
    expect(exposureRefusal('2.11.1', '0.0.0.0')).toBeUndefined();
    expect(exposureRefusal('2.9.10', '0.0.0.0')).toMatch(/CVE-2025-30215.*refused on 0\.0\.0\.0/);
  });

  it('takes no public name for loopback', () => {
    expect(['127.0.0.1', '127.8.8.8', 'localhost', '::1'].every(isLoopback)).toBe(true);
    expect(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example.com'].some(isLoopback)).toBe(false);
  });
});
