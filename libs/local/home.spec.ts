import { mkdtempSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LocalError, Secrets, openHome } from './index.js';

describe('the home of the local stack', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'mizan-home-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('opens again what it made, also after the set-up wrote there first', () => {
    writeFileSync(join(root, 'setup.json'), '{}');
    openHome(root);
    mkdirSync(join(root, 'pg'));
    expect(openHome(root).root).toBe(root);
  });

  it.each([
    ['another layout', () => writeFileSync(join(root, 'layout.json'), '{"layout": 999}')],
    ['data without a layout', () => mkdirSync(join(root, 'pg'))],
    ['a damaged layout', () => writeFileSync(join(root, 'layout.json'), '{"lay')],
  ])('refuses %s and says how to go on', (_, write) => {
    write();
    expect(() => openHome(root)).toThrow(LocalError);
    expect(() => openHome(root)).toThrow(/npm start -- --reset/);
  });

  it('makes a secret once and keeps it where only its owner reads it', () => {
    const first = new Secrets(openHome(root)).get('pepper');
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(new Secrets(openHome(root)).get('pepper')).toBe(first);
    expect(statSync(join(root, 'secrets.json')).mode & 0o777).toBe(0o600);
  });
});
