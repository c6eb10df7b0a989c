import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isIban } from './iban.js';
import { isCard, isCodiceFiscale, isEgyptianId, isEmiratesId, isFrenchNir, isNhsNumber, isNino, isSaudiId, isSsn, isSteuerId, passesLuhn } from './validators.js';

type Case = readonly [name: string, isValid: (text: string) => boolean, good: readonly string[], bad: readonly string[]];
const cases: readonly Case[] = [
  ['payment cards', isCard, ['4111111111111111', '378282246310005', '30569309025904', '6011111111111117', '3530111333300000', '5555555555554444', '2223003122003222', '6200000000000005'], ['4111111111111112', '1234567812345670', '0000000000000000', '4444444444444444', '411111111111111']],
  ['IBANs', isIban, ['DE89370400440532013000', 'GB29NWBK60161331926819', 'SA0380000000608010167519', 'AE070331234567890123456', 'EG380019000500000000263180002', 'FR1420041010050500013M02606', 'MT84MALT011000012345MTLCAST001S'], ['DE89370400440532013001', 'DE8937040044053201300', 'XX89370400440532013000', 'ZZ29NWBK60161331926819', '__PROTO__']],
  ['US social security numbers', isSsn, ['123456789', '078051120'], ['000123456', '666123456', '900123456', '123006789', '123450000', '12345678']],
  ['NHS numbers', isNhsNumber, ['9434765919', '4505577104'], ['9434765918', '943476591', '94347659190']],
  ['Saudi ids', isSaudiId, ['1000000008', '2000000006'], ['1000000000', '3000000004', '100000000']],
  ['Emirates ids', isEmiratesId, ['784198000000004'], ['784198000000003', '785198000000001', '784178000000006']],
  ['Egyptian ids', isEgyptianId, ['29001010112345', '30512318812345'], ['19001010112345', '29013010112345', '29002300112345', '29001019912345', '2900101011234']],
  ['German tax ids', isSteuerId, ['86095742719', '65929970489', '57549285017', '25768131411'], ['86095742718', '01234567899', '12345678903', '11112345677']],
  ['French social security numbers', isFrenchNir, ['185057800608491', '255081416802538'], ['185057800608492', '385057800608491']],
  ['UK national insurance numbers', isNino, ['AB123456C', 'JG103759A'], ['BG123456A', 'AB123456E', 'DA123456A', 'AB12345C']],
  ['Italian tax codes', isCodiceFiscale, ['RSSMRA85T10A562S', 'RSSMRA85T10A56NH'], ['RSSMRA85T10A562T', 'RSSMRA85T10A562', 'RSSMRA85Z10A562S']],
];

describe('validators', () => {
  it.each(cases)('know good and bad %s', (_, isValid, good, bad) => {
    expect(good.filter((text) => !isValid(text))).toEqual([]);
    expect(bad.filter((text) => isValid(text))).toEqual([]);
  });

  it('see any single wrong digit by Luhn', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 1, max: 9 }), (at, shift) => {
        const digits = [...'4929123412341232'];
        expect(passesLuhn(digits.join(''))).toBe(true);
        digits[at] = String((Number(digits[at]) + shift) % 10);
        expect(passesLuhn(digits.join(''))).toBe(false);
      }),
      { seed: 7 },
    );
  });

  it('see any single wrong character of an IBAN', () => {
    const iban = 'DE89370400440532013000';
    for (let at = 4; at < iban.length; at++) {
      for (const other of '0123456789') {
        if (other !== iban[at]) expect(isIban(iban.slice(0, at) + other + iban.slice(at + 1))).toBe(false);
      }
    }
  });
});
