const keep = 0;
const drop = 0xffff;
const expand = 0xfffe;

const { table, expansions } = foldTable();
const nonAscii = /[^\0-\x7f]/;

/**
 * The text as the scanner reads it: digits of every script, full-width and other compatibility forms, spaces and dashes
 * become ASCII, and invisible characters and marks vanish. Character by character, so the time is linear for any
 * input (whole-text normalisation is quadratic on long runs of combining marks). Other letters stay.
 */
export function fold(text: string): string {
  if (!nonAscii.test(text)) return text;
  let out = new Uint16Array(text.length);
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    const entry = table[code]!;
    if (entry === keep) {
      out[length++] = code;
    } else if (entry < expand) {
      out[length++] = entry;
    } else if (entry === expand) {
      const long = expansionAt(text, index);
      if (long.skip) index++;
      const needed = length + long.to.length + (text.length - index);
      if (needed > out.length) {
        const grown = new Uint16Array(needed * 2);
        grown.set(out.subarray(0, length));
        out = grown;
      }
      for (let at = 0; at < long.to.length; at++) out[length++] = long.to.charCodeAt(at);
    }
  }
  return Buffer.from(out.buffer, 0, length * 2).toString('utf16le');
}

/** What a character that is not one ASCII character becomes, and whether it takes two code units. */
function expansionAt(text: string, index: number): { to: string; skip: boolean } {
  const code = text.charCodeAt(index);
  const known = expansions.get(code);
  if (known !== undefined) return { to: known, skip: false };
  const point = text.codePointAt(index)!;
  if (point <= 0xffff) return { to: String.fromCharCode(code), skip: false };
  return { to: foldAstral(point), skip: true };
}

function foldAstral(point: number): string {
  const isCompatible = (point >= 0x1d400 && point <= 0x1d7ff) || (point >= 0x1f100 && point <= 0x1f16f) || (point >= 0x1fbf0 && point <= 0x1fbf9);
  const char = String.fromCodePoint(point);
  if (isCompatible) return char.normalize('NFKC');
  return point >= 0xe0000 && point <= 0xe0fff ? '' : char;
}

/** Per UTF-16 code unit: keep, drop, expand, or the ASCII code that it becomes. */
function foldTable(): { table: Uint16Array; expansions: Map<number, string> } {
  const codes = new Uint16Array(65_536);
  const longer = new Map<number, string>();
  let zero = 0;
  for (let code = 0x80; code <= 0xffff; code++) {
    if (code >= 0x3400 && code < 0xa000) continue; // Han: nothing to fold
    if (code >= 0xac00 && code < 0xd800) continue; // Hangul
    if (code >= 0xd800 && code < 0xdc00) {
      codes[code] = expand;
      continue;
    }
    const char = String.fromCharCode(code);
    if (/\p{Nd}/u.test(char)) {
      if (!/\p{Nd}/u.test(String.fromCharCode(code - 1))) zero = code;
      codes[code] = 48 + ((code - zero) % 10);
    } else if (/[\p{Default_Ignorable_Code_Point}\p{Mn}\p{Me}]/u.test(char)) {
      codes[code] = drop;
    } else if (/[\p{Pd}\u2212]/u.test(char)) {
      codes[code] = 45;
    } else {
      const normal = char.normalize('NFKC');
      if (/^[\0-\x7f]$/.test(normal)) codes[code] = normal.charCodeAt(0);
      else if (/^[\0-\x7f]+$/.test(normal)) {
        codes[code] = expand;
        longer.set(code, normal);
      }
    }
  }
  return { table: codes, expansions: longer };
}
