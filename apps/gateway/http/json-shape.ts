import { failure } from '#protocol';

/** JSON schemas of tools nest a dozen levels; recursive code takes far more than this. */
const depthMax = 128;
/** Members and containers of one body: a conversation of 10,000 messages with tools has fewer. */
const membersMax = 100_000;
const containersMax = 100_000;
/** Elements and members: 300,000 numbers are the most that an embeddings request may hold. */
const itemsMax = 400_000;

const [quote, backslash, comma, colon, openBracket, closeBracket, openBrace, closeBrace] = [0x22, 0x5c, 0x2c, 0x3a, 0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Refuses JSON that would cost far more to parse and walk than its bytes: one pass over them, before anything is built. What is not
 * JSON at all is left to the parser. Error: REQUEST_INVALID.
 */
export function checkJsonShape(bytes: Uint8Array): void {
  let [depth, members, containers, items, isText] = [0, 0, 0, 0, false];
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (isText) {
      if (byte === backslash) at += 1;
      else if (byte === quote) isText = false;
    } else if (byte === quote) isText = true;
    else if (byte === comma) {
      if ((items += 1) > itemsMax) throw tooMuch(`more than ${itemsMax} elements`);
    } else if (byte === colon) {
      if ((members += 1) > membersMax) throw tooMuch(`more than ${membersMax} members`);
    } else if (byte === openBrace || byte === openBracket) {
      if ((depth += 1) > depthMax) throw tooMuch(`nested deeper than ${depthMax}`);
      if ((containers += 1) > containersMax) throw tooMuch(`more than ${containersMax} objects and arrays`);
    } else if (byte === closeBrace || byte === closeBracket) depth -= 1;
  }
}

const tooMuch = (what: string) => failure('REQUEST_INVALID', `the body is ${what.startsWith('nested') ? what : `of ${what}`}`);
