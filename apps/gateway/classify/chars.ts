/** Classes of the ASCII characters that the scanner asks about, as bits. */
const digit = 1;
const letter = 2;
const mailLocal = 4;

const classes = Uint8Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code);
  return (/[0-9]/.test(char) ? digit : 0) | (/[A-Za-z]/.test(char) ? letter : 0) | (/[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]/.test(char) ? mailLocal : 0);
});

const has = (code: number, bits: number): boolean => code < 128 && (classes[code]! & bits) !== 0;

// All take a UTF-16 code unit; NaN, as charCodeAt gives outside the text, belongs to no class.
export const isDigit = (code: number): boolean => code >= 48 && code <= 57;
export const isLetter = (code: number): boolean => has(code, letter);
export const isAlphanumeric = (code: number): boolean => has(code, digit | letter);
/** Part of a word, so that a number beside it is not a number of its own. Letters of other scripts are not counted. */
export const isWordPart = (code: number): boolean => code === 95 || has(code, digit | letter);
export const isMailLocal = (code: number): boolean => code > 127 || has(code, mailLocal);
export const isMailDomain = (code: number): boolean => code > 127 || code === 45 || code === 46 || has(code, digit | letter);
