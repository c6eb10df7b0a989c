export interface PolicyToken {
  /** A bracket, separator, operator or `if`; `"` for a string that is not closed. */
  readonly token: string;
  readonly index: number;
}

const brackets = new Set('()[]{},;');
const operatorChars = new Set('.&|+-*<>=!');

/** The structure of a policy text: everything but names, numbers, strings and comments. */
export function* policyTokens(text: string): Generator<PolicyToken> {
  for (let index = 0; index < text.length; index++) {
    const char = text[index]!;
    if (char === '/' && text[index + 1] === '/') {
      index = endOfLine(text, index);
    } else if (char === '"') {
      const end = endOfString(text, index);
      if (end === undefined) {
        yield { token: char, index };
        return;
      }
      index = end;
    } else if (brackets.has(char)) {
      yield { token: char, index };
    } else if (operatorChars.has(char)) {
      const isDouble = text[index + 1] === char || text[index + 1] === '=';
      yield { token: isDouble ? text.slice(index, index + 2) : char, index };
      if (isDouble) index++;
    } else if (isNameChar(char)) {
      const start = index;
      while (index + 1 < text.length && isNameChar(text[index + 1]!)) index++;
      if (text.slice(start, index + 1) === 'if') yield { token: 'if', index: start };
    }
  }
}

function isNameChar(char: string): boolean {
  return /\w/.test(char);
}

function endOfLine(text: string, start: number): number {
  let index = start;
  while (index < text.length && text[index] !== '\n' && text[index] !== '\r') index++;
  return index;
}

function endOfString(text: string, start: number): number | undefined {
  for (let index = start + 1; index < text.length; index++) {
    if (text[index] === '"') return index;
    if (text[index] === '\\') index++;
  }
  return undefined;
}
