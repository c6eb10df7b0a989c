/** Classes of the ASCII characters that the scanner asks about, as bits. */
const digit = 1;
const letter = 2;
const mailLocal = 4;

const classes = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const char = String.fromCharCode(code);
  if (/[0-9]/.test(char)) classes[code] |= digit;
  if (/[A-Za-z]/.test(char)) classes[code] |= letter;
  if (/[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]/.test(char)) classes[code] |= mailLocal;
}

const has = (code: number, bits: number): boolean => code < 128 && (classes[code]! & bits) !== 0;

// All take a UTF-16 code unit; NaN, as charCodeAt gives outside the text, belongs to no class.
export const isDigit = (code: number): boolean => code >= 48 && code <= 57;
export const isLetter = (code: number): boolean => has(code, letter);
export const isAlphanumeric = (code: number): boolean => has(code, digit | letter);
/** Part of a word, so that a number beside it is not a number of its own. Letters of other scripts are not counted. */
export const isWordPart = (code: number): boolean => code === 95 || has(code, digit | letter);
export const isMailLocal = (code: number): boolean => code > 127 || has(code, mailLocal);
export const isMailDomain = (code: number): boolean => code > 127 || code === 45 || code === 46 || has(code, digit | letter);
