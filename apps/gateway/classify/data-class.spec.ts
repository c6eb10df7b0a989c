import { describe, expect, it } from '@jest/globals';
import { dataClasses } from '#protocol';
import { higher, raise } from './data-class.js';

describe('the data class', () => {
  it('is raised to confidential by personal data and never lowered', () => {
    expect(dataClasses.map((declared) => raise(declared, [{ kind: 'email', count: 1 }]))).toEqual(['confidential', 'confidential', 'confidential', 'restricted']);
  });

  it('stays as declared when nothing was found', () => {
    expect(dataClasses.map((declared) => raise(declared, []))).toEqual([...dataClasses]);
  });

  it('of two is the higher one, in either order', () => {
    expect(higher('public', 'restricted')).toBe('restricted');
    expect(higher('restricted', 'public')).toBe('restricted');
  });
});
