import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { scan } from './scan.js';

const kinds = (text: string): string => scan([text]).map(({ kind, count }) => (count === 1 ? kind : `${kind} × ${count}`)).join(', ');

describe('scanning for personal data', () => {
  it.each([
    ['write to anna.schmidt+news@mail.example.co.uk.', 'email'],
    ['<a@b.de>,"Q U"@example.org;x_y@sub-domain.example', 'email × 3'],
    ['user%40example.com', 'email'],
    ['jürgen@münchen.de', 'email'],
    ['card 4111 1111 1111 1111 exp 12/27', 'card'],
    ['4111-1111-1111-1111 and 378282246310005', 'card × 2'],
    ['{"pan":"5555555555554444"}', 'card'],
    ['pay DE89 3704 0044 0532 0130 00 today', 'iban'],
    ['gb29nwbk60161331926819', 'iban'],
    ['SA03-8000-0000-6080-1016-7519.', 'iban'],
    ['SSN 123-45-6789', 'national-id'],
    ['social security number: 123456789', 'national-id'],
    ['NHS 943 476 5919', 'national-id'],
    ['iqama 2000000006', 'national-id'],
    ['رقم الهوية 1000000008', 'national-id'],
    ['784-1980-0000000-4', 'national-id'],
    ['784198000000004', 'national-id'],
    ['29001010112345', 'national-id'],
    ['CF RSSMRA85T10A562S', 'national-id'],
    ['NI number AB123456C or ab 123456 c', 'national-id'],
    ['Steuer-ID 86 095 742 719', 'national-id'],
    ['NIR 1 85 05 78 006 084 91', 'national-id'],
    ['call +49 (0) 30 1234567', 'phone'],
    ['+966501234567, +1-212-555-0123', 'phone × 2'],
    ['(212) 555-0123', 'phone'],
    ['1-800-555-0199', 'phone'],
    ['0049 89 1234567', 'phone'],
    ['089/1234567', 'phone'],
    ['0501234567', 'phone'],
    ['06 12 34 56 78', 'phone'],
    ['tel. 5551234', 'phone'],
    ['جوال: ٠٥٠١٢٣٤٥٦٧', 'phone'],
    ['a@b.de 4111111111111111 a@b.de DE89370400440532013000 +49301234567', 'email × 2, phone, card, iban'],
  ])('finds in "%s": %s', (text, expected) => {
    expect(kinds(text)).toBe(expected);
  });

  it.each([
    ['no at sign @ all, @handle, me@localhost, @, a@b, foo@1.2.3, x@.com, .@x.com'],
    ['lodash@4.17.21 and pkg@1.0'],
    ['4111 1111 1111 1112'],
    ['1234567812345678'],
    ['DE89 3704 0044 0532 0130 01'],
    ['order 1712345678, 1700000000000 and 1700000000000000000'],
    ['2024-01-15 08:30:00, 15.01.2024 12:30, 01/02/2024 10:11:12, 01-02-2024 1030'],
    ['3.14159265358979 0.4111111111111111 1,4111111111111111'],
    ['550e8400-e29b-41d4-a716-446655440000'],
    ['sha256 4111111111111111abcdef and x4111111111111111'],
    ['192.168.100.200 10.0.0.1:8080 version 1.2.3'],
    ['price 1 234 567,89 or 12.345.678,90 EUR'],
    ['hotel 12345678'],
    ['123-456-7890'],
    ['000-12-3456 666-12-3456'],
    ['CF RSSMRA85T10A562T'],
    ['12345678901234567890123456789012345678901234567890'],
    ['plain words about nothing in particular'],
    [''],
  ])('finds nothing in "%s"', (text) => {
    expect(kinds(text)).toBe('');
  });

  it('is not misled by other digits, wide forms, invisible characters, dashes and spaces', () => {
    const card = [...'4111111111111111'];
    const inDigits = (zero: number): string => card.map((digit) => String.fromCodePoint(zero + Number(digit))).join('');
    expect(['\u0660', '\u06f0', '\u0966', '\uff10', '\u{1d7ce}'].map((zero) => kinds(inDigits(zero.codePointAt(0)!)))).toEqual(Array(5).fill('card'));
    expect(kinds(card.join('\u200b'))).toBe('card');
    expect(kinds(card.join('\u0301'))).toBe('card');
    expect(kinds('4111\u20111111\u20131111\u22121111')).toBe('card');
    expect(kinds('4111\u00a01111\u20091111\u30001111')).toBe('card');
    expect(kinds('ＤＥ８９３７０４００４４０５３２０１３０００')).toBe('iban');
    expect(kinds('𝐚𝐧𝐧𝐚＠ｅｘａｍｐｌｅ．ｃｏｍ')).toBe('email');
    expect(kinds('an\u00adna@exam\u2060ple.com')).toBe('email');
    expect(kinds('④①①① 1111 1111 1111')).toBe('card');
  });

  it('counts over all texts, and never carries a number from one to the next', () => {
    expect(scan(['a@b.de', 'c@d.fr', '+49301234567'])).toEqual([{ kind: 'email', count: 2 }, { kind: 'phone', count: 1 }]);
    expect(scan(['41111111', '11111111'])).toEqual([]);
    expect(scan([])).toEqual([]);
  });

  it('finds a number between any two other texts that do not touch it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 40 }), (before, after) => {
        expect(scan([`${before}\n\t4111111111111111\n\t${after}`]).map(({ kind }) => kind)).toContain('card');
        expect(scan([`${before}\n\tDE89370400440532013000\n\t${after}`]).map(({ kind }) => kind)).toContain('iban');
        expect(scan([`${before}\n\tanna@example.com\n\t${after}`]).map(({ kind }) => kind)).toContain('email');
      }),
      { seed: 11, numRuns: 500 },
    );
  });

  it('never throws, whatever the text', () => {
    const awkward = fc.array(fc.constantFrom('1', '4111', '@', '.', ' ', '-', '(', ')', '+', '00', '%40', 'DE', 'DE89', 'a', '\ud800', '\udc00', '\u0660', '\u200b', '٠', '⑳', '🄰', '"', '/', '__proto__'), { maxLength: 60 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(awkward, fc.string({ unit: 'binary' })), (text) => {
        expect(Array.isArray(scan([text]))).toBe(true);
      }),
      { seed: 13, numRuns: 3_000 },
    );
  });
});
