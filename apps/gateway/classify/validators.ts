/** Check digits and structure of the numbers that the scanner looks for. All take bare ASCII digits or upper-case text. */

/** ISO/IEC 7812: payment cards, Saudi and Emirates ids. */
export function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let at = 0; at < digits.length; at++) {
    const value = digits.charCodeAt(digits.length - 1 - at) - 48;
    const doubled = at % 2 ? value * 2 : value;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** Prefixes and lengths of the card schemes in use, local ones of the Gulf, Egypt, India and Russia among them. */
const cardSchemes: readonly { readonly prefix: RegExp; readonly lengths: readonly number[] }[] = [
  { prefix: /^4/, lengths: [13, 16, 19] },
  { prefix: /^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, lengths: [16] },
  { prefix: /^3[47]/, lengths: [15] },
  { prefix: /^3(0[0-5]|[689])/, lengths: [14, 16, 19] },
  { prefix: /^(6011|64[4-9]|65|62|35(2[89]|[3-8])|60|81|82|508|220[0-4]|9682)/, lengths: [16, 17, 18, 19] },
  { prefix: /^(50|5[6-8]|6[37])/, lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
];

/** For the first four digits of a card, which say the scheme: how many digits its numbers have, a bit for each. */
const cardLengths = Uint32Array.from({ length: 10_000 }, (_, first) => {
  const digits = String(first).padStart(4, '0');
  return cardSchemes.filter(({ prefix }) => prefix.test(digits)).reduce((bits, { lengths }) => lengths.reduce((all, length) => all | (1 << length), bits), 0);
});

export function isCard(digits: string): boolean {
  if (digits.length < 12 || (cardLengths[Number(digits.slice(0, 4))]! & (1 << digits.length)) === 0) return false;
  return passesLuhn(digits) && !/^(\d)\1+$/.test(digits);
}

/** ISO 7064 MOD 97-10 over digits and letters (A = 10 … Z = 35). */
export function remainder97(text: string): number {
  let remainder = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    remainder = code <= 57 ? (remainder * 10 + code - 48) % 97 : (remainder * 100 + code - 55) % 97;
  }
  return remainder;
}

/** US social security number, 9 digits. No check digit: areas 000, 666 and 9xx, group 00 and serial 0000 are never given. */
export const isSsn = (digits: string): boolean => /^(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}$/.test(digits);

/** UK NHS number, 10 digits: weights 10 … 2, modulo 11. */
export function isNhsNumber(digits: string): boolean {
  if (digits.length !== 10) return false;
  let sum = 0;
  for (let at = 0; at < 9; at++) sum += (10 - at) * (digits.charCodeAt(at) - 48);
  const check = (11 - (sum % 11)) % 11;
  return check !== 10 && check === digits.charCodeAt(9) - 48;
}

/** Saudi national id (1…) or iqama (2…), 10 digits. */
export const isSaudiId = (digits: string): boolean => /^[12]\d{9}$/.test(digits) && passesLuhn(digits);

/** Emirates id: 784, year of birth, 7 digits, check digit. */
export const isEmiratesId = (digits: string): boolean => /^784(19|20)\d{10}$/.test(digits) && passesLuhn(digits);

/** Governorates of birth in Egyptian ids; 88 is abroad. */
const egyptGovernorates = new Set(['01', '02', '03', '04', '11', '12', '13', '14', '15', '16', '17', '18', '19', '21', '22', '23', '24', '25', '26', '27', '28', '29', '31', '32', '33', '34', '35', '88']);

/** Egyptian national id, 14 digits: century, date of birth, governorate, serial. Its check digit's rule is not public. */
export function isEgyptianId(digits: string): boolean {
  return /^[23]\d{13}$/.test(digits) && isDayOfYear(digits.slice(3, 5), digits.slice(5, 7)) && egyptGovernorates.has(digits.slice(7, 9));
}

function isDayOfYear(month: string, day: string): boolean {
  const daysMax = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][Number(month) - 1];
  return daysMax !== undefined && Number(day) >= 1 && Number(day) <= daysMax;
}

/** German tax id, 11 digits: ISO 7064 MOD 11,10, and of the first ten one digit stands twice or three times, no other more than once. */
export function isSteuerId(digits: string): boolean {
  if (!/^[1-9]\d{10}$/.test(digits)) return false;
  const counts = new Array<number>(10).fill(0);
  let product = 10;
  for (let at = 0; at < 10; at++) {
    const value = digits.charCodeAt(at) - 48;
    counts[value]! += 1;
    const sum = (value + product) % 10 || 10;
    product = (sum * 2) % 11;
  }
  const repeated = counts.filter((count) => count > 1);
  return repeated.length === 1 && repeated[0]! <= 3 && (11 - product) % 10 === digits.charCodeAt(10) - 48;
}

/** French social security number, 15 digits: sex, year, month, …, key = 97 − (first 13 mod 97). */
export function isFrenchNir(digits: string): boolean {
  if (!/^[12]\d{2}(0[1-9]|1[0-2]|[2-9]\d)\d{10}$/.test(digits)) return false;
  return 97 - remainder97(digits.slice(0, 13)) === Number(digits.slice(13));
}

/** UK national insurance number: two letters, six digits, A to D. */
export const isNino = (text: string): boolean => /^(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]$/.test(text);

/** Values of the characters at odd places (counted from 1) of an Italian codice fiscale, for 0-9 and then A-Z. */
const oddValues = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

/** Italian codice fiscale, 16 characters; digits may stand as letters (omocodia). */
export function isCodiceFiscale(text: string): boolean {
  if (!/^[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]$/.test(text)) return false;
  let sum = 0;
  for (let at = 0; at < 15; at++) {
    const code = text.charCodeAt(at);
    const index = code <= 57 ? code - 48 : code - 55;
    sum += at % 2 === 0 ? oddValues[index]! : index < 10 ? index : index - 10;
  }
  return String.fromCharCode(65 + (sum % 26)) === text[15];
}
